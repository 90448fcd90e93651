// Anything as /proc/PID/maps.
#include "host/maps.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto vmas = ft::host::parse_maps(text)) {
    for (const ft::host::Vma& vma : *vmas) {
      FT_CHECK(!vma.range.empty());
      FT_CHECK(vma.name.size() <= size);
      FT_CHECK(vma.path().size() <= vma.name.size());
    }
  } else {
    FT_CHECK(vmas.error().what.starts_with("maps:"));
  }
  return 0;
}
