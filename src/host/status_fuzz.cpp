// Anything as one of the files of names and values, and as the small files beside them. The first
// byte chooses.
#include "host/status.h"

#include "base/check.h"
#include "host/btf.h"
#include "host/cgroup.h"
#include "host/number_table.h"
#include "host/pressure.h"
#include "host/process_stat.h"

namespace {

template <typename T>
void expect_an_answer(const ft::Result<T>& result) {
  FT_CHECK(result || (!result.error().what.empty() && !result.error().why.empty()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  using namespace ft::host;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 's':
      expect_an_answer(parse_status(text));
      break;
    case 'm':
      expect_an_answer(parse_meminfo(text));
      break;
    case 'v':
      expect_an_answer(parse_counters(text));
      break;
    case 't':
      expect_an_answer(parse_process_stat(text));
      break;
    case 'p':
      expect_an_answer(parse_pressure(text));
      break;
    case 'c':
      expect_an_answer(parse_cgroup(text));
      break;
    case 'o':
      expect_an_answer(parse_mountinfo(text));
      break;
    case 'l':
      expect_an_answer(parse_memory_limit(text));
      break;
    case 'b':
      expect_an_answer(BtfTracepoints::make(text));
      break;
    default:
      static_cast<void>(count_of_list(text));
  }
  return 0;
}
