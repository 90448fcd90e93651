#include "analysis/residency.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "analysis/memory_at_end.h"
#include "analysis/subject.h"

namespace ft::analysis {
namespace {

using event::SyscallNumber;
using Kind = SpaceChange::Kind;

constexpr event::Pid kPid = 10;
constexpr std::uint64_t kAt = 0x7f0000000000;
constexpr std::uint64_t kAnon = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr std::uint32_t kWrite = event::kFaultUser | event::kFaultWrite;

class TraceWithCalls {
 public:
  event::Trace trace;

  TraceWithCalls() {
    trace.processes.push_back({.pid = kPid});
    trace.threads.push_back({.tid = kPid, .pid = kPid});
  }

  void call(Nanoseconds ts, SyscallNumber number, std::array<std::uint64_t, 6> args,
            std::int64_t ret) {
    event::Syscall call;
    call.ts = ts;
    call.dur = 2;
    call.tid = call.pid = kPid;
    call.number = number;
    call.args = args;
    call.ret = ret;
    trace.syscalls.push_back(call);
  }
  void map(Nanoseconds ts, std::uint64_t pages, std::uint64_t flags = kAnon,
           std::uint64_t prot = PROT_READ | PROT_WRITE) {
    call(ts, SyscallNumber::Mmap, {kAt, pages * kPageSize, prot, flags, ~0ULL, 0},
         static_cast<std::int64_t>(kAt));
  }
};

event::Fault fault_on(Nanoseconds ts, std::uint64_t page, std::uint32_t error_code = kWrite) {
  event::Fault fault;
  fault.ts = ts;
  fault.dur = 1;
  fault.tid = kPid;
  fault.addr = kAt + page * kPageSize;
  fault.error_code = error_code;
  fault.has_page = error_code & event::kFaultWrite;
  return fault;
}

// Pages resident after the faults, and every call up to `end`.
class Replayed {
 public:
  Replayed(const TraceWithCalls& made, Nanoseconds end)
      : owners_(attribution::OwnerHistory::build(made.trace)),
        residency_(made.trace, owners_, kPid, end) {}
  void fault(const event::Fault& fault) {
    residency_.on_fault(fault, owners_.region_at(kPid, fault.addr, fault.ts));
  }
  std::uint64_t pages() {
    residency_.finish();
    residency_.pages().check();
    return residency_.pages().resident_pages();
  }
  const Residency& residency() const { return residency_; }

 private:
  attribution::OwnerHistory owners_;
  Residency residency_;
};

TEST(SpaceChanges, BrkDownwardsUnmapsAndFailedCallsDoNothing) {
  TraceWithCalls made;
  made.call(10, SyscallNumber::Brk, {0}, 0x10000);
  made.call(20, SyscallNumber::Brk, {0x14000}, 0x14000);
  made.call(30, SyscallNumber::Brk, {0x11001}, 0x11001);
  made.call(40, SyscallNumber::Munmap, {kAt + 1, kPageSize}, -22);
  const auto changes = space_changes(made.trace, kPid);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].kind, Kind::Unmap);
  EXPECT_EQ(changes[0].range, (AddressRange{0x12000, 0x14000}));
  EXPECT_EQ(changes[0].ts, 32);
}

TEST(SpaceChanges, MremapThatShrinksAndMovesIsBoth) {
  TraceWithCalls made;
  made.call(10, SyscallNumber::Mremap, {kAt, 8 * kPageSize, 2 * kPageSize, 1, 0, 0},
            static_cast<std::int64_t>(kAt + kGiB));
  const auto changes = space_changes(made.trace, kPid);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].kind, Kind::Unmap);
  EXPECT_EQ(changes[0].range.size(), 6 * kPageSize);
  EXPECT_EQ(changes[1].kind, Kind::Move);
  EXPECT_EQ(changes[1].to, kAt + kGiB);
}

TEST(Residency, AReadBeforeAnyWriteTakesNoMemory) {
  TraceWithCalls made;
  made.map(10, 4);
  Replayed run(made, 1000);
  run.fault(fault_on(20, 0, event::kFaultUser));
  EXPECT_EQ(run.pages(), 0U);
  run.fault(fault_on(30, 0, kWrite | event::kFaultProtection));
  EXPECT_EQ(run.pages(), 1U);
  EXPECT_EQ(run.residency().anonymous_bytes(), kPageSize);
}

TEST(Residency, DontneedUnmapAndReplacingTakePagesAway) {
  for (const bool replaced : {false, true}) {
    TraceWithCalls made;
    made.map(10, 8);
    made.call(100, SyscallNumber::Madvise, {kAt, 2 * kPageSize, MADV_DONTNEED}, 0);
    if (replaced) {
      made.map(200, 4, kAnon | MAP_FIXED, PROT_NONE);
    } else {
      made.call(200, SyscallNumber::Munmap, {kAt, 4 * kPageSize}, 0);
    }
    Replayed run(made, 1000);
    for (std::uint64_t page = 0; page < 8; ++page) run.fault(fault_on(20, page));
    run.fault(fault_on(150, 0));  // given back, touched again
    EXPECT_EQ(run.residency().pages().resident_pages(), 7U);
    EXPECT_EQ(run.pages(), 4U);
    EXPECT_EQ(run.residency().pages().resident_peak(), 8U);
  }
}

TEST(Residency, PopulateNeedsNoFaults) {
  TraceWithCalls made;
  made.map(10, 16, kAnon | MAP_POPULATE);
  Replayed run(made, 1000);
  EXPECT_EQ(run.pages(), 16U);
}

// JDK 25 pretouches the CDS archive, a private mapping of a file, by MADV_POPULATE_WRITE: every
// page is copied then, and in RssAnon.
TEST(Residency, PopulatingAPrivateFileForWritingMakesItAnonymous) {
  constexpr std::uint64_t kPopulateRead = 22;
  constexpr std::uint64_t kPopulateWrite = 23;
  const auto anonymous_pages = [](std::uint64_t flags, std::uint64_t prot, std::uint64_t advice) {
    TraceWithCalls made;
    made.trace.files = {{.path = "/usr/lib/classes.jsa"}};
    made.map(10, 16, flags, prot);
    made.trace.syscalls.back().file = 0;
    made.call(20, SyscallNumber::Madvise, {kAt, 4 * kPageSize, advice}, 0);
    Replayed run(made, 1000);
    EXPECT_EQ(run.pages(), 4U);
    return run.residency().anonymous_bytes() / kPageSize;
  };
  EXPECT_EQ(anonymous_pages(MAP_PRIVATE, PROT_READ | PROT_WRITE, kPopulateWrite), 4U);
  EXPECT_EQ(anonymous_pages(MAP_PRIVATE, PROT_READ | PROT_WRITE, kPopulateRead), 0U);
  EXPECT_EQ(anonymous_pages(MAP_SHARED, PROT_READ | PROT_WRITE, kPopulateWrite), 0U);
  EXPECT_EQ(anonymous_pages(MAP_PRIVATE, PROT_READ, kPopulateRead), 0U);
}

TEST(Residency, WhatComesAfterTheEndDoesNotCount) {
  TraceWithCalls made;
  made.map(10, 4);
  made.call(500, SyscallNumber::Munmap, {kAt, 4 * kPageSize}, 0);
  Replayed run(made, 400);
  run.fault(fault_on(20, 0));
  run.fault(fault_on(450, 1));
  EXPECT_EQ(run.pages(), 1U);
}

// Batches of different CPUs overlap: a fault may be told after a call that undid it.
TEST(Residency, ALateFaultDoesNotUndoADiscard) {
  TraceWithCalls made;
  made.map(10, 4);
  made.call(100, SyscallNumber::Madvise, {kAt, 4 * kPageSize, MADV_DONTNEED}, 0);
  Replayed run(made, 1000);
  run.fault(fault_on(200, 1));
  run.fault(fault_on(50, 0));
  EXPECT_EQ(run.pages(), 1U);
}

TEST(Residency, ExecStartsAnew) {
  TraceWithCalls made;
  made.map(10, 4);
  made.call(100, SyscallNumber::Execve, {}, 0);
  Replayed run(made, 1000);
  run.fault(fault_on(20, 0));
  EXPECT_EQ(run.pages(), 0U);
}

TEST(Residency, TheTimelineStaysShort) {
  TraceWithCalls made;
  made.map(10, 100'000);
  Replayed run(made, 100'000'000'000);
  for (std::uint64_t page = 0; page < 100'000; ++page) {
    run.fault(fault_on(static_cast<Nanoseconds>(1'000 + page * 200'000), page));
  }
  const auto timeline = run.residency().timeline();
  EXPECT_LE(timeline.points.size(), 400U);
  EXPECT_GE(timeline.points.size(), 190U);
  for (std::size_t i = 1; i < timeline.points.size(); ++i) {
    EXPECT_GT(timeline.points[i].ts, timeline.points[i - 1].ts);
    EXPECT_GT(timeline.points[i].resident[0], timeline.points[i - 1].resident[0]);
  }
}

TEST(SharedByWeight, PartsAddUpWhateverTheWeights) {
  const std::vector<std::vector<std::uint64_t>> weights = {
      {1}, {0, 0}, {1, 2, 3}, {~0ULL, ~0ULL, 1}, {7, 0, 7}};
  for (const auto& weight : weights) {
    for (const std::uint64_t whole : {0ULL, 4096ULL, 40960ULL, 3ULL, 1ULL << 60U}) {
      const auto parts = shared_by_weight(whole, weight, kPageSize);
      std::uint64_t sum = 0;
      for (const std::uint64_t part : parts) sum += part;
      EXPECT_EQ(sum, whole);
    }
  }
  EXPECT_EQ(shared_by_weight(6 * kPageSize, {1, 2, 3}, kPageSize),
            (std::vector<std::uint64_t>{kPageSize, 2 * kPageSize, 3 * kPageSize}));
}

// The kernel joins neighbours of different owners into one area; its Rss is split by touched pages.
TEST(MemoryAtEnd, SplitsAnAreaOverItsOwnersByTouchedPages) {
  TraceWithCalls made;
  made.map(10, 8);
  const auto owners = attribution::OwnerHistory::build(made.trace);
  Residency residency(made.trace, owners, kPid, 1000);
  for (std::uint64_t page = 0; page < 3; ++page) {
    residency.on_fault(fault_on(20, page), owners.region_at(kPid, kAt, 20));
  }
  residency.finish();
  attribution::Region low;
  low.pid = kPid;
  low.range = {kAt, kAt + 4 * kPageSize};
  low.owner = 1;
  attribution::Region high = low;
  high.range = {kAt + 4 * kPageSize, kAt + 8 * kPageSize};
  high.owner = 2;
  Subject subject;
  host::SmapsEntry area;
  area.vma.range = {kAt, kAt + 8 * kPageSize};
  area.counters.rss = 3 * kPageSize;
  subject.smaps = {area};
  const MemoryAtEnd exact = memory_at_end(subject, {low, high}, 3, residency, FaultsSeen::Yes);
  EXPECT_EQ(exact.by_owner[1].resident, 3 * kPageSize);
  EXPECT_EQ(exact.by_owner[2].resident, 0U);
  EXPECT_EQ(exact.shared_out, 3 * kPageSize);
  // Two pages that no fault told of: by what is left untouched, one page against four.
  subject.smaps->front().counters.rss = 5 * kPageSize;
  const MemoryAtEnd more = memory_at_end(subject, {low, high}, 3, residency, FaultsSeen::Yes);
  EXPECT_EQ(more.by_owner[1].resident + more.by_owner[2].resident, 5 * kPageSize);
  EXPECT_EQ(more.by_owner[2].resident, 2 * kPageSize);
  // An area nobody owns is nobody's.
  const MemoryAtEnd unknown = memory_at_end(subject, {}, 3, residency, FaultsSeen::Yes);
  EXPECT_EQ(unknown.by_owner[0].resident, 5 * kPageSize);
}

TEST(Subject, IsTheTargetUnlessItsChildDwarfsIt) {
  event::Trace trace;
  trace.meta["target.pid"] = "10";
  trace.processes.push_back({.pid = 10, .exec_ts = 1, .end_ts = 900});
  trace.processes.push_back({.pid = 11, .start_ts = 5, .exec_ts = 6, .end_ts = 800});
  trace.threads.push_back({.tid = 10, .pid = 10});
  trace.threads.push_back({.tid = 11, .pid = 11, .start_ts = 5});
  const auto map = [&](event::Pid pid, std::uint64_t bytes) {
    event::Syscall call;
    call.ts = 50;
    call.dur = 1;
    call.tid = call.pid = pid;
    call.number = SyscallNumber::Mmap;
    call.args = {0, bytes, PROT_READ, kAnon, ~0ULL, 0};
    call.ret = static_cast<std::int64_t>(kAt);
    trace.syscalls.push_back(call);
  };
  map(10, kGiB);
  map(11, kGiB + kMiB);
  EXPECT_EQ(choose_subject(trace, attribution::OwnerHistory::build(trace)).pid, 10);
  trace.syscalls.clear();
  map(10, kMiB);
  map(11, 8 * kGiB);
  EXPECT_EQ(choose_subject(trace, attribution::OwnerHistory::build(trace)).pid, 11);
}

// A page of a hugetlb pool comes whole, without an allocation, takes no table of the last level,
// and is in HugetlbPages, not in RssAnon.
TEST(Residency, APageOfAHugetlbPoolIsMappedWhole) {
  TraceWithCalls made;
  made.map(10, 1024, kAnon | MAP_HUGETLB);
  const auto owners = attribution::OwnerHistory::build(made.trace);
  Residency residency(made.trace, owners, kPid, 100);
  event::Fault fault = fault_on(20, 5);
  fault.has_page = false;
  const attribution::Region* region = owners.region_at(kPid, fault.addr, fault.ts);
  ASSERT_NE(region, nullptr);
  EXPECT_TRUE(is_huge(fault, region));
  residency.on_fault(fault, region);
  residency.finish();
  residency.pages().check();
  EXPECT_EQ(residency.pages().resident_pages(), 512U);
  EXPECT_EQ(residency.pages().levels().pte, 0U);
  EXPECT_EQ(residency.anonymous_bytes(), 0U);
}

TEST(Residency, APopulatedHugetlbAreaIsMappedWhole) {
  TraceWithCalls made;
  made.map(10, 1024, kAnon | MAP_HUGETLB | MAP_POPULATE);
  const auto owners = attribution::OwnerHistory::build(made.trace);
  Residency residency(made.trace, owners, kPid, 100);
  residency.finish();
  EXPECT_EQ(residency.pages().resident_pages(), 1024U);
  EXPECT_EQ(residency.pages().levels().pte, 0U);
  EXPECT_EQ(residency.anonymous_bytes(), 0U);
}

}  // namespace
}  // namespace ft::analysis
