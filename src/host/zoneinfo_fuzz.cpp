// Anything as /proc/zoneinfo, buddyinfo and pagetypeinfo.
#include "host/zoneinfo.h"

#include "base/check.h"
#include "host/buddyinfo.h"
#include "host/pfn_nodes.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace ft::host;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto zones = parse_zoneinfo(text)) {
    if (const auto nodes = PfnNodes::from_zones(*zones)) nodes->ranges().check();
  } else {
    FT_CHECK(zones.error().what.starts_with("zoneinfo:"));
  }
  if (const auto blocks = parse_buddyinfo(text)) {
    for (const FreeBlocks& zone : *blocks) static_cast<void>(zone.free_pages());
  }
  static_cast<void>(parse_pagetypeinfo(text));
  return 0;
}
