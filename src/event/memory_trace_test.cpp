#include "event/memory_trace.h"

#include <gtest/gtest.h>

namespace ft::event {
namespace {

TEST(MemoryTrace, SortsByTimeAndKeepsTheLastWordOnAThread) {
  MemoryTrace trace;
  Syscall late;
  late.ts = 20;
  late.number = SyscallNumber::Munmap;
  Syscall early;
  early.ts = 10;
  early.number = SyscallNumber::Mmap;
  trace.on_syscall(late);
  trace.on_syscall(early);
  trace.on_thread({.tid = 7, .pid = 7, .start_ts = 1, .name = "java"});
  trace.on_thread({.tid = 7, .pid = 7, .start_ts = 1, .end_ts = 30, .name = "main"});

  const Trace result = trace.trace().value();
  ASSERT_EQ(result.syscalls.size(), 2U);
  EXPECT_EQ(result.syscalls[0].number, SyscallNumber::Mmap);
  ASSERT_EQ(result.threads.size(), 1U);
  EXPECT_EQ(result.threads[0].name, "main");
}

TEST(Syscall, ReadsArgumentsByMeaning) {
  Syscall call;
  call.number = SyscallNumber::Mremap;
  call.args = {0x1000, 0x2000, 0x4000, 1, 0, 0};
  EXPECT_EQ(call.addr(), 0x1000U);
  EXPECT_EQ(call.length(), 0x2000U);
  EXPECT_EQ(call.flags(), 1U);
  EXPECT_EQ(call.prot(), 0U);
}

TEST(SyscallTable, FindsByNumberAndName) {
  for (const SyscallShape& shape : followed_syscalls()) {
    EXPECT_EQ(find_shape(shape.number), &shape);
    EXPECT_EQ(find_shape(shape.name), &shape);
  }
  EXPECT_EQ(find_shape("read"), nullptr);
}

}  // namespace
}  // namespace ft::event
