// Anything as /proc/PID/numa_maps.
#include "host/numa_maps.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto areas = ft::host::parse_numa_maps(text)) {
    for (const ft::host::NumaArea& area : *areas) {
      FT_CHECK(!area.policy.empty());
      FT_CHECK(area.policy_mode().size() <= area.policy.size());
      static_cast<void>(area.bytes_on(0));
    }
  } else {
    FT_CHECK(areas.error().what.starts_with("numa_maps:"));
  }
  return 0;
}
