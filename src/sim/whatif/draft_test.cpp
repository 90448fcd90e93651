#include "sim/whatif/draft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/whatif/test_recording.h"

namespace ft::sim::whatif {
namespace {

using ::testing::ElementsAre;
using testing::JvmRecording;
using testing::kCards;
using testing::kHeap;
using testing::kHeapBytes;
using testing::kInitialBytes;

Draft draft_of(const JvmRecording& recording) {
  return {recording.material, *testing::parts_of(recording.material.trace)};
}

TEST(Draft, KnowsWhatCallsDo) {
  const Draft draft = draft_of(JvmRecording());
  const Call& reserve = draft.calls()[0];
  EXPECT_TRUE(reserve.reserves());
  EXPECT_FALSE(reserve.commits());
  EXPECT_EQ(reserve.range(), AddressRange::of_size(kHeap, kHeapBytes));
  EXPECT_EQ(reserve.owner, jvm::Subsystem::JavaHeap);
  EXPECT_TRUE(draft.calls()[2].commits());
  EXPECT_FALSE(draft.calls()[2].maps_file());
  EXPECT_EQ(draft.touches()[0].owner, jvm::Subsystem::JavaHeap);
}

TEST(Draft, AFailedOrAbsurdCallIsAboutNothing) {
  JvmRecording recording;
  recording.map(kPageSize, 0).ret = -12;
  recording.unmap(0x1000, ~std::uint64_t{0});
  const Draft draft = draft_of(recording);
  EXPECT_TRUE(draft.calls()[4].range().empty());
  EXPECT_TRUE(draft.calls()[5].range().empty());
}

TEST(Draft, FinishesInTheOrderOfTime) {
  const JvmRecording recording;
  Draft draft = draft_of(recording);
  const Call commit = draft.calls()[2];
  draft.add_call(commit, event::SyscallNumber::Madvise, commit.range(), MADV_HUGEPAGE);
  draft.add_touches(commit, {kHeap, kHeap + 3 * kPageSize});
  const replay::Material changed = std::move(draft).finish();
  EXPECT_EQ(changed.trace.syscalls.size(), recording.material.trace.syscalls.size() + 1);
  EXPECT_EQ(changed.trace.syscalls[3].number, event::SyscallNumber::Madvise);
  EXPECT_EQ(changed.faults.size(), recording.material.faults.size() + 3);
  EXPECT_TRUE(std::ranges::is_sorted(changed.trace.syscalls, {}, &event::Syscall::ts));
  EXPECT_TRUE(std::ranges::is_sorted(changed.faults, {}, &event::Fault::ts));
  EXPECT_EQ(changed.faults[0].addr, kHeap);
}

TEST(Draft, RelocatesCallsAndTouchesFromATimeOn) {
  JvmRecording recording;
  Draft draft = draft_of(recording);
  const Nanoseconds since = draft.calls()[2].event.ts;
  const auto moved = [](std::uint64_t address) {
    return address >= kHeap && address < kHeap + kHeapBytes ? address + kGiB : address;
  };
  draft.relocate(replay::testing::kPid, since, moved);
  EXPECT_EQ(draft.calls()[0].range().start, kHeap);  // before
  EXPECT_EQ(draft.calls()[2].range().start, kHeap + kGiB);
  EXPECT_EQ(draft.calls()[3].range().start, kCards);
  EXPECT_EQ(draft.touches()[0].event.addr, kHeap + kInitialBytes - kMiB + kGiB);
  draft.relocate(replay::testing::kPid + 1, 0, moved);  // another process
  EXPECT_EQ(draft.calls()[0].range().start, kHeap);
}

TEST(Draft, TellsThePagesThatWereTouchedOnce) {
  JvmRecording recording;
  recording.touch({kHeap + 64, kHeap + 65});
  recording.touch({kHeap + 128, kHeap + 129});
  const Draft draft = draft_of(recording);
  EXPECT_THAT(draft.pages_touched(replay::testing::kPid, {kHeap, kHeap + kMiB}, 0),
              ElementsAre(kHeap));
  EXPECT_TRUE(
      draft.pages_touched(replay::testing::kPid, {kHeap, kHeap + kMiB}, recording.now + 1).empty());
}

TEST(Draft, FindsAPlaceThatNothingUsed) {
  const Draft draft = draft_of(JvmRecording());
  const event::Pid pid = replay::testing::kPid;
  const std::uint64_t below = kHeap + kHeapBytes;
  const std::uint64_t place = draft.find_free(pid, kHugePageSize, kHugePageSize, below, {});
  EXPECT_EQ(place, kHeap - kHugePageSize);
  const AddressRange own = AddressRange::of_size(kHeap, kHeapBytes);
  EXPECT_EQ(draft.find_free(pid, kHugePageSize, kHugePageSize, below, own), below - kHugePageSize);
  EXPECT_EQ(draft.find_free(pid, kHugePageSize, kHugePageSize, kPageSize, {}), 0U);
}

}  // namespace
}  // namespace ft::sim::whatif
