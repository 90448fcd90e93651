// Anything as the files of a control group and those that tell where it is.
#include "host/cgroup.h"

#include "base/check.h"
#include "host/host_files.h"
#include "host/number_table.h"
#include "host/pressure.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace ft::host;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto memberships = parse_cgroup(text); !memberships) {
    FT_CHECK(memberships.error().what.starts_with("cgroup:"));
  }
  static_cast<void>(parse_mountinfo(text));
  if (const auto limit = parse_memory_limit(text); limit && *limit) {
    FT_CHECK(**limit < std::uint64_t{1} << 62U);
  }
  static_cast<void>(parse_counters(text));
  if (const auto pressure = parse_pressure(text); pressure && pressure->some) {
    FT_CHECK(pressure->some->avg10 >= 0);
  }
  if (const auto numbers = numbers_of_list(text)) {
    FT_CHECK(count_of_list(text) == numbers->size());
  }
  return 0;
}
