#include "analysis/call_stages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "analysis/memory_calls.h"

namespace ft::analysis {
namespace {

using event::SyscallNumber;

event::Syscall call_of(SyscallNumber number, std::array<std::uint64_t, 6> args,
                       std::int64_t ret = 0) {
  event::Syscall call;
  call.dur = 100;
  call.number = number;
  call.args = args;
  call.ret = ret;
  return call;
}

event::Syscall mmap_of(std::uint64_t prot, std::uint64_t flags) {
  return call_of(SyscallNumber::Mmap,
                 {0, kMiB, prot, flags | MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0}, 0x7000000);
}

TEST(CallStages, TellReservingFromCommittingAndGivingBack) {
  EXPECT_EQ(stage_of(mmap_of(PROT_NONE, MAP_NORESERVE)), CallStage::Reserve);
  EXPECT_EQ(stage_of(mmap_of(PROT_READ | PROT_WRITE, MAP_FIXED)), CallStage::Commit);
  EXPECT_EQ(stage_of(mmap_of(PROT_NONE, MAP_FIXED)), CallStage::GiveBack) << "HotSpot's uncommit";
  EXPECT_EQ(stage_of(mmap_of(PROT_READ | PROT_WRITE, MAP_POPULATE)), CallStage::Populate);
  EXPECT_EQ(stage_of(call_of(SyscallNumber::Mprotect, {0, kMiB, PROT_READ})), CallStage::Commit);
  EXPECT_EQ(stage_of(call_of(SyscallNumber::Mprotect, {0, kMiB, PROT_NONE})), CallStage::Other);
  EXPECT_EQ(stage_of(call_of(SyscallNumber::Madvise, {0, kMiB, MADV_DONTNEED})),
            CallStage::GiveBack);
  EXPECT_EQ(stage_of(call_of(SyscallNumber::Madvise, {0, kMiB, MADV_HUGEPAGE})), CallStage::Other);
  EXPECT_EQ(stage_of(call_of(SyscallNumber::Madvise, {0, kMiB, 23})), CallStage::Populate);
}

TEST(CallStages, AddUpToTheMemoryCalls) {
  std::vector<event::Syscall> calls = {
      mmap_of(PROT_NONE, 0), mmap_of(PROT_READ, 0), mmap_of(PROT_READ, 0),
      call_of(SyscallNumber::Munmap, {0x7000000, kMiB}),
      call_of(SyscallNumber::Mmap, {0, kMiB, PROT_READ, MAP_PRIVATE, 3, 0}, -12)};
  for (std::size_t i = 0; i < calls.size(); ++i) calls[i].ts = static_cast<Nanoseconds>(1000 * i);
  const MemoryCalls memory_calls(calls);
  const auto stages = sum_stages(calls, memory_calls);
  ASSERT_EQ(stages.size(), kCallStageCount + 1);
  std::uint64_t count = 0;
  Nanoseconds ns = 0;
  for (const auto& stage : stages) {
    count += stage.count;
    ns += stage.ns.value_or(0);
  }
  EXPECT_EQ(count, calls.size());
  EXPECT_EQ(ns, memory_calls.total_gross_ns() - memory_calls.total_nested_ns());
  EXPECT_EQ(stages[1].name, "commit");
  EXPECT_EQ(stages[1].count, 3U);
  EXPECT_EQ(stages[1].bytes, 2 * kMiB) << "a call that failed committed nothing";
  EXPECT_FALSE(stages[kTouchStage].ns) << "the faults' time is not the calls'";
}

}  // namespace
}  // namespace ft::analysis
