#include "capture/strace/import.h"

#include <gtest/gtest.h>

#include "base/fd.h"
#include "event/memory_trace.h"

namespace ft::capture::strace {
namespace {

using event::MemoryTrace;
using event::SyscallNumber;
using event::Trace;

struct Imported {
  ImportSummary summary;
  Trace trace;
};

Imported import(std::string_view log) {
  MemoryTrace memory;
  const Result<ImportSummary> summary = import_log(log, "test.log", memory);
  EXPECT_TRUE(summary.has_value()) << summary.error().message();
  return {summary.value_or(ImportSummary{}), memory.trace().value()};
}

std::string fixture(const std::string& name) {
  return read_file(FT_SOURCE_DIR "/tests/fixtures/strace/" + name).value();
}

TEST(StraceImport, ReadsTheTenCallGroupsOfTheAnalysis) {
  const Imported result = import(fixture("jvm-start-ten-groups.strace"));
  EXPECT_EQ(result.summary.malformed, 0U);
  ASSERT_EQ(result.trace.syscalls.size(), 12U);
  const event::Syscall& reserve = result.trace.syscalls[4];
  EXPECT_EQ(reserve.addr(), 0x600000000U);
  EXPECT_EQ(reserve.length(), 8589934592U);
  EXPECT_EQ(reserve.prot(), 0U);
  EXPECT_EQ(reserve.flags(), 0x4022U);
  EXPECT_EQ(reserve.fd(), -1);
  EXPECT_EQ(reserve.ret, 0x600000000);
  EXPECT_EQ(reserve.dur, 89'234'000);
  EXPECT_EQ(reserve.ts, 22'222'000);
  EXPECT_EQ(result.trace.meta_or("backend"), "import");
  EXPECT_EQ(result.trace.meta_or("time.source"), "time of day");
}

}  // namespace
}  // namespace ft::capture::strace
