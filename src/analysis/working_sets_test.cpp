// Working sets and counters from what a recorder noted, through analyse().
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "analysis/analyse.h"
#include "event/memory_trace.h"
#include "host/referenced.h"

namespace ft::analysis {
namespace {

constexpr event::Pid kPid = 10;
constexpr std::uint64_t kFirst = 0x7f0000000000;
constexpr std::uint64_t kSecond = kFirst + 64 * kMiB;

// A process with two mappings of 4 MiB, the second of a file.
class WorkingSetsTest : public testing::Test {
 protected:
  WorkingSetsTest() {
    trace_.on_meta("backend", "bpf");
    trace_.on_meta("target.pid", "10");
    trace_.on_meta("target.exec_ts", "0");
    trace_.on_meta("target.exit_ts", "1000000000");
    trace_.on_process({.pid = kPid, .exec_ts = 0, .end_ts = 1'000'000'000, .executable = "/bin/x"});
    trace_.on_thread({.tid = kPid, .pid = kPid, .end_ts = 1'000'000'000, .name = "x"});
    trace_.on_file(0, {.path = "/usr/lib/libx.so", .device = 1, .inode = 2});
    map(kFirst, event::kNoFile);
    map(kSecond, 0);
  }

  void map(std::uint64_t at, event::FileId file) {
    event::Syscall call;
    call.ts = ++calls_ * 1000;
    call.dur = 500;
    call.tid = call.pid = kPid;
    call.number = event::SyscallNumber::Mmap;
    call.file = file;
    const std::uint64_t flags =
        MAP_PRIVATE | (file == event::kNoFile ? MAP_ANONYMOUS : std::uint64_t{0});
    call.args = {at, 4 * kMiB, PROT_READ | PROT_WRITE, flags, file == event::kNoFile ? ~0ULL : 3,
                 0};
    call.ret = static_cast<std::int64_t>(at);
    trace_.on_syscall(call);
  }

  void look(Nanoseconds ts, std::uint64_t first, std::uint64_t second, std::uint64_t cpus = 2) {
    host::ReferencedScan scan;
    scan.interval = 100;
    scan.read = 7;
    scan.clear = 2;
    scan.evict = 1;
    scan.cpus = cpus;
    const auto area = [&](std::uint64_t at, std::uint64_t referenced) {
      scan.areas.push_back({.range = AddressRange::of_size(at, 4 * kMiB),
                            .resident = 4 * kMiB,
                            .referenced = referenced,
                            .huge = 0});
    };
    area(kFirst, first);
    area(kSecond, second);
    note(ts, "referenced", to_text(scan));
  }

  void note(Nanoseconds ts, const char* source, std::string text) {
    trace_.on_snapshot(
        {.ts = ts, .pid = kPid, .moment = "scan", .source = source, .text = std::move(text)});
  }

  report::model::Report report() {
    auto result = analyse(trace_);
    EXPECT_TRUE(result) << result.error().message();
    report::model::Report made = result ? std::move(*result) : report::model::Report{};
    for (const std::string& broken : report::model::check(made)) ADD_FAILURE() << broken;
    return made;
  }

  event::MemoryTrace trace_;
  int calls_ = 0;
};

TEST_F(WorkingSetsTest, GoToTheOwnersOfTheAreas) {
  look(10'000'000, 100 * kPageSize, 0);
  look(20'000'000, 4 * kPageSize, 512 * kPageSize);
  look(30'000'000, 4 * kPageSize, 10 * kPageSize);
  const auto made = report();
  ASSERT_TRUE(made.working_sets);
  const auto& sets = *made.working_sets;
  EXPECT_EQ(sets.scans, 3U);
  EXPECT_EQ(sets.scan.median_ns, 10);
  EXPECT_EQ(sets.cleared.total_ns, 6);
  EXPECT_TRUE(sets.evicts);
  ASSERT_EQ(sets.rows.size(), 2U);
  EXPECT_EQ(sets.rows[0].name, "Libraries");
  EXPECT_EQ(sets.rows[0].peak_bytes, 2 * kMiB);
  EXPECT_EQ(sets.rows[0].median_bytes, 10 * kPageSize);
  EXPECT_EQ(sets.rows[0].peak_at_ns, 20'000'000);
  EXPECT_EQ(sets.rows[0].small.most, 512U);
  EXPECT_EQ(sets.rows[0].large.least, 1U);
  EXPECT_EQ(sets.rows[0].large.most, 2U);  // the area's blocks
  EXPECT_EQ(sets.rows[1].large.most, 2U);
  EXPECT_EQ(sets.whole.peak_bytes, 516 * kPageSize);
  EXPECT_FALSE(sets.whole.small.of_reach_most);
  EXPECT_FALSE(sets.reach);
}

TEST_F(WorkingSetsTest, OfJoinedAreasAreSharedOut) {
  map(kFirst + 4 * kMiB, 0);
  host::ReferencedScan scan;
  scan.cpus = 1;
  scan.areas.push_back({.range = AddressRange::of_size(kFirst, 8 * kMiB),
                        .resident = kMiB,
                        .referenced = 64 * kPageSize,
                        .huge = 0});
  note(10'000'000, "referenced", to_text(scan));
  const auto made = report();
  ASSERT_TRUE(made.working_sets);
  ASSERT_EQ(made.working_sets->rows.size(), 2U);
  EXPECT_EQ(made.working_sets->rows[0].peak_bytes, 32 * kPageSize);
  EXPECT_EQ(made.working_sets->rows[1].peak_bytes, 32 * kPageSize);
  EXPECT_EQ(made.working_sets->shared_out, 64 * kPageSize);
}

TEST_F(WorkingSetsTest, SayWhatTheyLack) {
  look(10'000'000, kPageSize, 0, 0);
  const auto made = report();
  ASSERT_TRUE(made.working_sets);
  EXPECT_FALSE(made.working_sets->evicts);
  EXPECT_TRUE(std::ranges::any_of(made.working_sets->notes, [](const std::string& note) {
    return note.find("too low") != std::string::npos;
  }));
}

TEST_F(WorkingSetsTest, ThatAreNotThereHaveAReason) {
  auto made = report();
  EXPECT_FALSE(made.working_sets);
  EXPECT_EQ(why_missing(made, "working_sets"), "not asked for (record --working-set MS)");
  trace_.on_meta("working_set.interval_ns", "100000000");
  EXPECT_NE(why_missing(report(), "working_sets").find("looked at twice"), std::string::npos);
  note(10'000'000, "referenced", "nonsense\n");
  EXPECT_NE(why_missing(report(), "working_sets").find("referenced:1"), std::string::npos);
}

class CountersTest : public WorkingSetsTest {
 protected:
  CountersTest() {
    trace_.on_phase({.name = "one", .start_ts = 0, .end_ts = 100'000'000});
    trace_.on_phase({.name = "two", .start_ts = 100'000'000, .end_ts = 1'000'000'000});
  }
};

TEST_F(CountersTest, AreDifferencesBetweenReadings) {
  note(100'500'000, "counters", "perf::X 10 1000 1000\nperf::Y 5 1000 0\n");
  note(1'000'100'000, "counters", "perf::X 40 3000 2000\nperf::Y 8 3000 1000\n");
  const auto made = report();
  ASSERT_TRUE(made.counters);
  const auto& counters = *made.counters;
  ASSERT_EQ(counters.events, (std::vector<std::string>{"perf::X", "perf::Y"}));
  ASSERT_EQ(counters.phases.size(), 2U);
  EXPECT_EQ(counters.phases[0].values[0].count, 10U);
  EXPECT_EQ(counters.phases[0].late_ns, 500'000);
  EXPECT_FALSE(counters.phases[0].values[1].count);  // it never had its turn
  // 30 in half of the time: scaled up.
  EXPECT_EQ(counters.phases[1].values[0].count, 60U);
  EXPECT_DOUBLE_EQ(counters.phases[1].values[0].share_counted, 0.5);
  EXPECT_EQ(counters.whole.values[0].count, 60U);
}

TEST_F(CountersTest, LeaveOutPhasesThatWereReadTooLate) {
  note(200'000'000, "counters", "perf::X 10 1 1\n");
  note(1'000'100'000, "counters", "perf::X 40 2 2\n");
  const auto made = report();
  ASSERT_TRUE(made.counters);
  // 100 ms late for one of 100 ms; for one of 900 ms that does.
  ASSERT_EQ(made.counters->phases.size(), 1U);
  EXPECT_EQ(made.counters->phases[0].name, "two");
  EXPECT_EQ(made.counters->phases[0].values[0].count, 30U);
}

TEST_F(CountersTest, OneReadingAtTheEndIsTheWholeAlone) {
  note(1'000'100'000, "counters", "perf::X 40 2 2\n");
  const auto made = report();
  ASSERT_TRUE(made.counters);
  EXPECT_TRUE(made.counters->phases.empty());
  EXPECT_EQ(made.counters->whole.values[0].count, 40U);
}

TEST_F(CountersTest, ThatWereRefusedSayWhy) {
  trace_.on_meta("counters.refused.0", "event x: no such event");
  const auto made = report();
  EXPECT_FALSE(made.counters);
  EXPECT_EQ(why_missing(made, "counters"), "event x: no such event");
}

}  // namespace
}  // namespace ft::analysis
