// Anything as /proc/PID/smaps and smaps_rollup, and as what is noted of the former.
#include "host/smaps.h"

#include "base/check.h"
#include "host/referenced.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = ft::host::parse_smaps(text);
  FT_CHECK(entries || entries.error().what.starts_with("smaps:"));
  const auto rollup = ft::host::parse_smaps_rollup(text);
  FT_CHECK(!rollup || (entries && entries->size() == 1));
  const auto scan = ft::host::parse_referenced(text);
  FT_CHECK(scan || scan.error().what.starts_with("referenced:"));
  if (scan) FT_CHECK(ft::host::parse_referenced(ft::host::to_text(*scan)) == *scan);
  ft::host::ReferencedScan taken;
  if (entries) ft::host::take_areas(*entries, taken);
  FT_CHECK(ft::host::parse_referenced(ft::host::to_text(taken)).has_value() || !entries);
  return 0;
}
