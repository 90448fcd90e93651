// What the kernel takes behind a process's back, through analyse().
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

#include <fmt/format.h>

#include "analysis/analyse.h"
#include "analysis/invariants.h"
#include "event/memory_trace.h"

namespace ft::analysis {
namespace {

using report::model::ReconcileLine;
using ::testing::HasSubstr;

constexpr event::Pid kPid = 10;
constexpr std::uint64_t kAt = 0x7f0000000000;
constexpr std::uint64_t kPages = 4096;  // 16 MiB, far beyond every tolerance

// A process that writes kPages once, of which the kernel's account at the end is given.
class ShortageTest : public testing::Test {
 protected:
  ShortageTest() {
    trace_.on_meta("backend", "bpf");
    trace_.on_meta("host.kernel", "6.12.0");
    trace_.on_process({.pid = kPid, .exec_ts = 0, .end_ts = 1'000'000, .executable = "/bin/eater"});
    trace_.on_thread({.tid = kPid, .pid = kPid, .end_ts = 1'000'000, .name = "eater"});
    event::Syscall call;
    call.ts = 1000;
    call.dur = 2000;
    call.tid = call.pid = kPid;
    call.number = event::SyscallNumber::Mmap;
    call.args = {
        kAt, kPages * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0};
    call.ret = static_cast<std::int64_t>(kAt);
    trace_.on_syscall(call);
    for (std::uint64_t page = 0; page < kPages; ++page) {
      event::Fault fault;
      fault.ts = 10'000 + static_cast<Nanoseconds>(page);
      fault.dur = 1;
      fault.tid = kPid;
      fault.addr = kAt + page * kPageSize;
      fault.error_code = event::kFaultUser | event::kFaultWrite;
      fault.has_page = true;
      trace_.on_faults({&fault, 1});
    }
  }

  void snapshot(event::Pid pid, const char* moment, const char* source, std::string text) {
    trace_.on_snapshot({.ts = moment == std::string_view("start") ? 0 : 900'000,
                        .pid = pid,
                        .moment = moment,
                        .source = source,
                        .text = std::move(text)});
  }
  // Pages in memory and in swap at the end, and the most that were in memory at once.
  void ended_with(std::uint64_t resident, std::uint64_t swapped, std::uint64_t most) {
    const std::uint64_t kib = kPageSize / kKiB;
    snapshot(kPid, "end", "status",
             fmt::format("Name:\teater\nVmHWM:\t{} kB\nVmRSS:\t{} kB\nRssAnon:\t{} kB\nRssFile:\t0 "
                         "kB\nRssShmem:\t0 kB\nVmSwap:\t{} kB\nThreads:\t1\n",
                         most * kib, resident * kib, resident * kib, swapped * kib));
    snapshot(
        kPid, "end", "smaps",
        fmt::format("{:x}-{:x} rw-p 00000000 00:00 0 \nSize: {} kB\nRss: {} kB\nPrivate_Dirty: "
                    "{} kB\nAnonymous: {} kB\nSwap: {} kB\n",
                    kAt, kAt + kPages * kPageSize, kPages * kib, resident * kib, resident * kib,
                    resident * kib, swapped * kib));
  }
  void vmstat(const std::string& before, const std::string& after) {
    snapshot(0, "start", "vmstat", before);
    snapshot(0, "end", "vmstat", after);
  }
  void mm_event(event::MmEvent event) { trace_.on_mm_event(event); }

  report::model::Report report() {
    auto analysed = analyse(trace_);
    EXPECT_TRUE(analysed.has_value());
    EXPECT_EQ(report::model::check(*analysed), std::vector<std::string>{});
    return std::move(*analysed);
  }
  static ReconcileLine line(const report::model::Report& report, std::string_view begin) {
    for (const ReconcileLine& line : report.reconcile) {
      if (line.what.starts_with(begin)) return line;
    }
    ADD_FAILURE() << begin;
    return {};
  }
  static std::uint64_t complaints(const report::model::Report& report) {
    CheckResult result;
    check_report(report, {}, result);
    return result.counts[static_cast<std::size_t>(Rule::DoesNotReconcile)];
  }

  event::MemoryTrace trace_;
};

TEST_F(ShortageTest, WithoutSwappingAMissingPageIsAnError) {
  ended_with(kPages / 2, 0, kPages / 2);
  vmstat("pswpout 7\npswpin 7\n", "pswpout 7\npswpin 7\n");
  const report::model::Report made = report();
  EXPECT_FALSE(line(made, "anonymous bytes").agrees);
  EXPECT_TRUE(line(made, "anonymous bytes").comparable);
  EXPECT_GE(complaints(made), 1U);
}

TEST_F(ShortageTest, SwappedPagesWereTouchedButThePeakCannotBeKnown) {
  ended_with(kPages / 4, kPages * 3 / 4, kPages * 3 / 4);
  vmstat("pswpout 0\npswpin 0\n", "pswpout 9000\npswpin 5928\n");
  const report::model::Report made = report();
  EXPECT_TRUE(line(made, "anonymous bytes").agrees);
  const ReconcileLine peak = line(made, "peak of resident");
  EXPECT_FALSE(peak.agrees);
  EXPECT_FALSE(peak.comparable);
  EXPECT_THAT(peak.note, HasSubstr("12.0 MiB of it in swap at the end"));
  EXPECT_THAT(peak.note, HasSubstr("swapped 9,000 pages out and 5,928 pages in"));
  EXPECT_EQ(complaints(made), 0U);
  // The whole's peak is the kernel's, and nobody claims to know whose it was.
  EXPECT_EQ(made.memory.resident_peak_bytes, kPages * 3 / 4 * kPageSize);
  for (const auto& row : made.subsystems) EXPECT_FALSE(row.resident_peak_bytes) << row.name;
  EXPECT_THAT(report::model::why_missing(made, "subsystems.resident_peak"), HasSubstr("in swap"));
}

TEST_F(ShortageTest, APeakThatAgreesIsKeptThoughTheHostSwapped) {
  ended_with(kPages, 0, kPages);
  vmstat("pswpout 0\n", "pswpout 100000\n");
  const report::model::Report made = report();
  EXPECT_TRUE(line(made, "peak of resident").agrees);
  EXPECT_TRUE(line(made, "peak of resident").comparable);
  EXPECT_EQ(made.memory.resident_peak_bytes, kPages * kPageSize);
}

TEST_F(ShortageTest, WhatTheReaperOfTheOomKillerTookIsNoError) {
  ended_with(0, 0, kPages);
  vmstat("pswpout 0\n", "pswpout 0\n");
  mm_event({.ts = 800'000, .value = kPages, .tid = kPid, .kind = event::MmEventKind::OomVictim});
  const report::model::Report made = report();
  for (const char* what : {"anonymous bytes", "peak of resident"}) {
    EXPECT_FALSE(line(made, what).agrees) << what;
    EXPECT_FALSE(line(made, what).comparable) << what;
    EXPECT_THAT(line(made, what).note, HasSubstr("reaper")) << what;
  }
  EXPECT_EQ(complaints(made), 0U);
  EXPECT_EQ(made.memory.resident_peak_bytes, kPages * kPageSize);
}

// The test's call is at 1,000 for 2,000 ns, its faults take 1 ns each from 10,000 on.
TEST_F(ShortageTest, WaitsAreOfTheSubsystemWhoseFaultOrCallWaited) {
  const auto wait = [&](Nanoseconds ts, Nanoseconds dur, event::MmEventKind kind, event::Tid tid) {
    mm_event({.ts = ts, .dur = dur, .tid = tid, .kind = kind});
  };
  wait(1'500, 70, event::MmEventKind::DirectReclaim, kPid);       // in the call
  wait(10'003, 1, event::MmEventKind::MemcgReclaim, kPid);        // in a fault
  wait(10'003, 500, event::MmEventKind::MemcgReclaim, kPid + 1);  // of another thread
  wait(14'200, 3, event::MmEventKind::MemcgReclaim, kPid);        // on the way back from a fault
  wait(14'300, 2, event::MmEventKind::DirectReclaim, kPid);       // which does not happen there
  wait(700'000, 9, event::MmEventKind::Compaction, kPid);         // in nothing that was recorded
  event::Fault major;
  major.ts = 20'000;
  major.dur = 40;
  major.tid = kPid;
  major.addr = kAt;
  major.kind = event::FaultKind::Major;
  major.error_code = event::kFaultUser;
  trace_.on_faults({&major, 1});
  ended_with(kPages, 0, kPages);
  const report::model::Report made = report();
  ASSERT_TRUE(made.waits);
  const auto& costs = made.waits->shortage;
  ASSERT_EQ(costs.size(), 2U);
  EXPECT_FALSE(costs[0].subsystem.empty());
  EXPECT_EQ(costs[0].direct_reclaim_ns, 70);
  EXPECT_EQ(costs[0].memcg_reclaim_ns, 1 + 3);
  EXPECT_EQ(costs[0].compaction_ns, 0);
  EXPECT_EQ(costs[0].major_faults, 1U);
  EXPECT_EQ(costs[0].major_fault_ns, 40);
  EXPECT_EQ(costs[1].subsystem, "");
  EXPECT_EQ(costs[1].memcg_reclaim_ns, 500);
  EXPECT_EQ(costs[1].direct_reclaim_ns, 2);
  EXPECT_EQ(costs[1].compaction_ns, 9);
}

TEST_F(ShortageTest, ThatAnotherProcessWasPickedExcusesNothing) {
  ended_with(0, 0, kPages);
  vmstat("pswpout 0\n", "pswpout 0\n");
  mm_event({.ts = 800'000, .value = kPages, .tid = 77, .kind = event::MmEventKind::OomVictim});
  EXPECT_GE(complaints(report()), 1U);
}

// Linux 6.12 maps the zeros of a split huge page to the zero page: neither present nor swapped.
TEST_F(ShortageTest, ZerosOfSplitHugePagesExcuseWhatIsMissing) {
  ended_with(kPages / 2, 0, kPages);
  vmstat("thp_split_page 1\nthp_underused_split_page 0\n",
         "thp_split_page 5\nthp_underused_split_page 0\n");
  const ReconcileLine anonymous = line(report(), "anonymous bytes");
  EXPECT_FALSE(anonymous.agrees);
  EXPECT_FALSE(anonymous.comparable);
  EXPECT_THAT(anonymous.note, HasSubstr("split 4 huge pages"));
}

TEST_F(ShortageTest, ZerosOfSplitHugePagesExcuseNoMoreThanWasSplit) {
  ended_with(kPages / 2, 0, kPages);
  vmstat("thp_split_page 1\nthp_underused_split_page 0\n",
         "thp_split_page 3\nthp_underused_split_page 0\n");
  EXPECT_TRUE(line(report(), "anonymous bytes").comparable);
}

TEST_F(ShortageTest, KernelsThatKeepTheZerosAreNotExcused) {
  ended_with(kPages / 2, 0, kPages);
  vmstat("thp_split_page 1\n", "thp_split_page 9\n");
  EXPECT_TRUE(line(report(), "anonymous bytes").comparable);
}

// More in memory than was ever touched is wrong, whatever was swapped.
TEST_F(ShortageTest, MoreThanWasTouchedIsNeverExcused) {
  ended_with(kPages, kPages, kPages);
  vmstat("pswpout 0\nthp_split_page 0\nthp_underused_split_page 0\n",
         "pswpout 9000\nthp_split_page 900\nthp_underused_split_page 0\n");
  const ReconcileLine anonymous = line(report(), "anonymous bytes");
  EXPECT_FALSE(anonymous.agrees);
  EXPECT_TRUE(anonymous.comparable);
}

// Pages 0 to 3 as one folio, then page 0 again after it had come back.
TEST_F(ShortageTest, SwappedPagesAreToldBySubsystem) {
  trace_.on_meta("watched", "mm_vmscan_write_folio");
  const auto out = [&](Nanoseconds ts, std::uint64_t page, std::uint32_t pages) {
    mm_event({.ts = ts,
              .value = kAt + page * kPageSize,
              .detail = pages,
              .tid = kPid,
              .kind = event::MmEventKind::SwapOut});
  };
  const auto back = [&](Nanoseconds ts, std::uint64_t page, event::FaultKind kind) {
    event::Fault fault;
    fault.ts = ts;
    fault.dur = 10;
    fault.tid = kPid;
    fault.addr = kAt + page * kPageSize + 8;
    fault.kind = kind;
    trace_.on_faults({&fault, 1});
  };
  out(100'000, 0, 4);
  back(200'000, 0, event::FaultKind::Major);
  back(210'000, 1, event::FaultKind::Minor);  // found in the swap cache
  back(220'000, 5, event::FaultKind::Major);  // never swapped
  out(300'000, 0, 1);
  back(300'500, 0, event::FaultKind::Major);
  back(400'000, 0, event::FaultKind::Major);  // in memory since
  const report::model::Report made = report();
  ASSERT_TRUE(made.waits);
  EXPECT_EQ(made.waits->swap_out_pages, 5U);
  EXPECT_EQ(made.waits->swap_ins, 2U);
  ASSERT_EQ(made.waits->swapped.size(), 1U);
  EXPECT_EQ(made.waits->swapped[0].out_pages, 5U);
  EXPECT_EQ(made.waits->swapped[0].in_faults, 2U);
}

TEST_F(ShortageTest, WhatWasNotWatchedIsNotKnownToBeZero) {
  const report::model::Report made = report();
  ASSERT_TRUE(made.waits);
  EXPECT_FALSE(made.waits->swap_out_pages);
  EXPECT_FALSE(made.waits->swap_ins);
  EXPECT_FALSE(made.waits->thp_collapses);
  EXPECT_FALSE(made.waits->migrated_pages);
}

TEST_F(ShortageTest, TheOomKillersChoiceIsTold) {
  mm_event(
      {.ts = 700, .dur = 100, .value = 3, .tid = kPid, .kind = event::MmEventKind::DirectReclaim});
  mm_event({.ts = 900, .dur = 50, .tid = kPid, .kind = event::MmEventKind::MemcgReclaim});
  mm_event({.ts = 1000,
            .value = 5000,
            .detail = static_cast<std::uint32_t>(-17),
            .tid = kPid,
            .kind = event::MmEventKind::OomVictim});
  mm_event({.ts = 1100, .dur = 50, .tid = kPid, .kind = event::MmEventKind::DirectReclaim});
  const report::model::Report made = report();
  ASSERT_TRUE(made.waits);
  ASSERT_EQ(made.waits->oom_victims.size(), 1U);
  const report::model::OomKill& kill = made.waits->oom_victims[0];
  EXPECT_EQ(kill.pid, kPid);
  EXPECT_EQ(kill.name, "/bin/eater");
  EXPECT_THAT(kill.why, HasSubstr("memory cgroup"));
  EXPECT_EQ(kill.weighed_bytes, 5000 * kPageSize);
  EXPECT_EQ(kill.score_adj, -17);
}

TEST_F(ShortageTest, AKillOutOfTheBlueIsNotExplained) {
  mm_event({.ts = 1000, .tid = 999, .kind = event::MmEventKind::OomVictim});
  const report::model::Report made = report();
  ASSERT_EQ(made.waits->oom_victims.size(), 1U);
  EXPECT_EQ(made.waits->oom_victims[0].pid, 999);
  EXPECT_THAT(made.waits->oom_victims[0].why, HasSubstr("not known"));
  EXPECT_FALSE(made.waits->oom_victims[0].weighed_bytes);
}

TEST_F(ShortageTest, PressureIsWhatGrewBetweenTheSnapshots) {
  EXPECT_FALSE(report().pressure);
  EXPECT_THAT(report::model::why_missing(report(), "pressure"), HasSubstr("/proc/pressure"));
  snapshot(0, "start", "pressure/memory",
           "some avg10=0.00 avg60=0.00 avg300=0.00 total=100\n"
           "full avg10=0.00 avg60=0.00 avg300=0.00 total=40\n");
  snapshot(0, "end", "pressure/memory",
           "some avg10=1.00 avg60=0.00 avg300=0.00 total=350\n"
           "full avg10=1.00 avg60=0.00 avg300=0.00 total=140\n");
  const report::model::Report made = report();
  ASSERT_TRUE(made.pressure);
  EXPECT_EQ(made.pressure->some_ns, 250'000);
  EXPECT_EQ(made.pressure->full_ns, 100'000);
}

}  // namespace
}  // namespace ft::analysis
