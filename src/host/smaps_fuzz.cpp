// Anything as /proc/PID/smaps and smaps_rollup.
#include "host/smaps.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = ft::host::parse_smaps(text);
  FT_CHECK(entries || entries.error().what.starts_with("smaps:"));
  const auto rollup = ft::host::parse_smaps_rollup(text);
  FT_CHECK(!rollup || (entries && entries->size() == 1));
  return 0;
}
