#include "calibrate/recorded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <vector>

namespace ft::calibrate {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr event::Tid kTid = 7;

Exercise exercise(Key key, Counts counts, std::uint64_t operations) {
  return {.key = key,
          .counts = counts,
          .operations = operations,
          .prepare = [] { return true; },
          .run = [](Pause /*pause*/) { return true; },
          .clean = [] {}};
}

event::Syscall call(Nanoseconds ts, long number, std::uint64_t address, std::uint64_t length,
                    Nanoseconds dur) {
  event::Syscall syscall;
  syscall.ts = ts;
  syscall.dur = dur;
  syscall.tid = kTid;
  syscall.number = static_cast<event::SyscallNumber>(number);
  syscall.args = {address, length, 0, 0, 0, 0};
  return syscall;
}

event::Fault fault(Nanoseconds ts, Nanoseconds dur, event::Tid tid = kTid) {
  event::Fault one;
  one.ts = ts;
  one.dur = dur;
  one.tid = tid;
  return one;
}

class Recording : public ::testing::Test {
 protected:
  void mark(Nanoseconds ts, Key key, bool begin) {
    sink.on_syscall(call(ts, SYS_madvise, mark_of(key, begin), 0, 50));
  }
  void faults(const std::vector<event::Fault>& list) { sink.on_faults(list); }

  RecordedRounds sink;
};

TEST(Marks, AreReadAsTheyWereWritten) {
  for (const Key key : {Key{Kind::NullCall}, Key{Kind::Munmap, 2048}, Key{Kind::Brk, 0},
                        Key{Kind::AnonWrite, 512}, Key{Kind::Mmap, 0, true}}) {
    for (const bool begin : {true, false}) {
      const auto mark = mark_from(call(1, SYS_madvise, mark_of(key, begin), 0, 10));
      ASSERT_TRUE(mark);
      EXPECT_EQ(mark->key, key);
      EXPECT_EQ(mark->begin, begin);
    }
  }
}

TEST(Marks, OtherCallsAreNone) {
  EXPECT_FALSE(mark_from(call(1, SYS_madvise, 0, 0, 10)));
  EXPECT_FALSE(mark_from(call(1, SYS_madvise, 0x7f0000000000, 0, 10)));
  EXPECT_FALSE(mark_from(call(1, SYS_madvise, mark_of({}, true), 4096, 10)));
  EXPECT_FALSE(mark_from(call(1, SYS_munmap, mark_of({}, true), 0, 10)));
}

TEST_F(Recording, FaultsBetweenMarksAreTheExercises) {
  const Key key{Kind::AnonWrite, 1};
  faults({fault(50, 9000), fault(110, 400), fault(120, 600)});
  mark(100, key, true);
  mark(200, key, false);
  faults({fault(130, 500), fault(250, 9000), fault(140, 8000, kTid + 1)});
  const auto rounds = sink.rounds({exercise(key, Counts::Faults, 3)});
  ASSERT_THAT(rounds, SizeIs(1));
  EXPECT_THAT(rounds[0], ElementsAre(Pair(key, 500)));
}

TEST_F(Recording, AFaultThatWaitedForTheCpuDoesNotCount) {
  const Key key{Kind::AnonWrite, 1};
  mark(100, key, true);
  for (int i = 0; i < 20; ++i) faults({fault(110 + i, i == 7 ? 4'000'000 : 500)});
  mark(200, key, false);
  const auto rounds = sink.rounds({exercise(key, Counts::Faults, 20)});
  ASSERT_THAT(rounds, SizeIs(1));
  EXPECT_DOUBLE_EQ(rounds[0].at(key), 500);
}

TEST_F(Recording, CallsBetweenMarksAreTheExercises) {
  const Key key{Kind::Munmap, 64};
  mark(100, key, true);
  sink.on_syscall(call(110, SYS_munmap, 0x1000, 0x1000, 3000));
  sink.on_syscall(call(120, SYS_munmap, 0x3000, 0x1000, 5000));
  mark(200, key, false);
  faults({fault(115, 1)});
  const auto rounds = sink.rounds({exercise(key, Counts::Calls, 2)});
  ASSERT_THAT(rounds, SizeIs(1));
  EXPECT_DOUBLE_EQ(rounds[0].at(key), 4000);
}

TEST_F(Recording, EachRunIsARound) {
  const Key key{Kind::AnonRead};
  for (const Nanoseconds at : {100, 300, 200}) {  // as batches may come
    mark(at, key, true);
    mark(at + 50, key, false);
    faults({fault(at + 10, at), fault(at + 20, at)});
  }
  const auto rounds = sink.rounds({exercise(key, Counts::Faults, 2)});
  ASSERT_THAT(rounds, SizeIs(3));
  EXPECT_DOUBLE_EQ(rounds[0].at(key), 100);
  EXPECT_DOUBLE_EQ(rounds[1].at(key), 200);
  EXPECT_DOUBLE_EQ(rounds[2].at(key), 300);
}

TEST_F(Recording, ARunWithAnotherNumberOfOperationsIsLeftOut) {
  const Key key{Kind::AnonWrite, 512};
  mark(100, key, true);
  for (int i = 0; i < 6; ++i) faults({fault(110 + i, 10)});
  mark(200, key, false);
  mark(300, key, true);
  for (int i = 0; i < 9; ++i) faults({fault(310 + i, 10)});
  mark(400, key, false);
  mark(500, key, true);  // cut short
  const auto rounds = sink.rounds({exercise(key, Counts::Faults, 9)});
  ASSERT_THAT(rounds, SizeIs(2));
  EXPECT_FALSE(rounds[0].contains(key));
  EXPECT_TRUE(rounds[1].contains(key));
}

TEST_F(Recording, OnlyWhatIsMissingIsLost) {
  sink.on_loss(
      {.kind = "ring full", .count = 3, .severity = event::LossSeverity::DataLoss, .meaning = {}});
  sink.on_loss(
      {.kind = "ring full", .count = 5, .severity = event::LossSeverity::DataLoss, .meaning = {}});
  sink.on_loss(
      {.kind = "stack cut", .count = 9, .severity = event::LossSeverity::Notice, .meaning = {}});
  EXPECT_EQ(sink.lost(), 5U);
}

}  // namespace
}  // namespace ft::calibrate
