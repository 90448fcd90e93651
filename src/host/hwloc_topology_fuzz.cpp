// Anything as an XML topology or as a synthetic description.
#include "host/hwloc_topology.h"

#include "base/check.h"

namespace {

void check(const ft::Result<ft::host::HwlocTopology>& topology) {
  if (!topology) {
    FT_CHECK(!topology.error().why.empty());
    return;
  }
  FT_CHECK(!topology->nodes.empty());
  FT_CHECK(topology->distances.empty() || topology->distances.size() == topology->nodes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.find('<') != std::string_view::npos) {
    check(ft::host::parse_hwloc_xml(text));
  } else {
    check(ft::host::parse_hwloc_synthetic(text));
  }
  return 0;
}
