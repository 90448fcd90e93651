#include "sim/cost/work_meter.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>

#include "sim/phys/frame_store.h"
#include "sim/replay/test_trace.h"

namespace ft::sim::cost {
namespace {

using event::SyscallNumber;
using fault::Kind;
using profile::Cost;
using replay::testing::kPid;
using replay::testing::kTop;

constexpr std::uint32_t kWrite = event::kFaultUser | event::kFaultWrite;
constexpr std::uint64_t kBytes = 64 * kPageSize;
constexpr std::uint64_t kPlace = kTop - kBytes;

class CountedFrames final : public phys::FrameStore {
 public:
  phys::MaybeFrame allocate(unsigned order, phys::FrameUse use) override {
    if (use == phys::FrameUse::Anonymous) ++blocks[order];
    return phys::FrameStore::allocate(order, use);
  }
  std::array<std::uint64_t, 19> blocks{};
};

Recorded measure(const replay::Material& material) {
  CountedFrames frames;
  WorkMeter meter(material, frames.blocks);
  replay::replay(material, meter, {.frames = &frames});
  return meter.take();
}

// Where the model put a mapping of 64 pages.
replay::testing::TraceBuilder started() {
  replay::testing::TraceBuilder trace;
  trace.material.trace.meta["backend"] = "bpf";
  trace.exec_snapshot();
  trace.map(kBytes, kPlace);
  return trace;
}

std::uint64_t done(const Recorded& recorded, PartId part, Cost cost) {
  const auto found = recorded.work.find(part);
  return found == recorded.work.end() ? 0 : found->second.operations.of(cost);
}

TEST(WorkMeter, CountsFaultsAndTheirTables) {
  auto trace = started();
  for (int i = 0; i < 3; ++i) trace.fault(kPlace + i * kPageSize, kWrite);
  trace.fault(kPlace + 10 * kPageSize, event::kFaultUser);
  const Recorded recorded = measure(trace.material);
  const PartId anon = PartId::of(Kind::AnonymousPage);
  ASSERT_TRUE(recorded.work.contains(anon));
  EXPECT_EQ(recorded.work.at(anon).count, 3U);
  EXPECT_EQ(done(recorded, anon, Cost::FaultAnon), 3U);
  EXPECT_EQ(done(recorded, PartId::of(Kind::AnonymousZero), Cost::FaultZeroPage), 1U);
  EXPECT_EQ(done(recorded, PartId::of(SyscallNumber::Mmap), Cost::Mmap), 1U);
  EXPECT_EQ(recorded.total_ns, 5 * 500);
}

TEST(WorkMeter, KnowsHowLongAThreadWasAway) {
  auto trace = started();
  trace.thread(kPid + 1);
  trace.fault(kPlace, kWrite).dur = 1000;              // the first of all but mmap
  trace.fault(kPlace + kPageSize, kWrite).dur = 1000;  // at once
  trace.now += 19'000;
  trace.fault(kPlace + 2 * kPageSize, kWrite);            // 20 us from the last one's begin
  trace.fault(kPlace + 3 * kPageSize, kWrite, kPid + 1);  // new here
  const Recorded recorded = measure(trace.material);
  const PartWork& anon = recorded.work.at(PartId::of(Kind::AnonymousPage));
  EXPECT_DOUBLE_EQ(anon.coldness[static_cast<std::size_t>(Cost::FaultAnon)],
                   coldness_after(500) + 0 + coldness_after(19'000) + 1);
}

TEST(WorkMeter, TellsFilesFromOtherMemory) {
  auto trace = started();
  trace.call(SyscallNumber::Mmap, {0, kPageSize, PROT_READ, MAP_PRIVATE, ~0ULL, 0}, -EBADF);
  const Recorded recorded = measure(trace.material);
  const PartId mmap = PartId::of(SyscallNumber::Mmap);
  EXPECT_EQ(done(recorded, mmap, Cost::Mmap), 1U);
  EXPECT_EQ(done(recorded, mmap, Cost::MmapFile), 1U);
}

TEST(WorkMeter, CountsPagesThatCallsFreeAndProtect) {
  auto trace = started();
  for (int i = 0; i < 5; ++i) trace.fault(kPlace + i * kPageSize, kWrite);
  trace.call(SyscallNumber::Mprotect, {kPlace, 3 * kPageSize, PROT_READ}, 0);
  trace.call(SyscallNumber::Mprotect, {kPlace, 3 * kPageSize, PROT_READ}, 0);  // changes nothing
  trace.call(SyscallNumber::Madvise, {kPlace, 2 * kPageSize, MADV_DONTNEED}, 0);
  trace.unmap(kPlace, kBytes);
  const Recorded recorded = measure(trace.material);
  const PartId protect = PartId::of(SyscallNumber::Mprotect);
  EXPECT_EQ(done(recorded, protect, Cost::Mprotect), 2U);
  EXPECT_EQ(done(recorded, protect, Cost::MprotectPage), 3U);
  EXPECT_EQ(done(recorded, protect, Cost::FlushLocal), 1U);
  EXPECT_EQ(done(recorded, PartId::of(SyscallNumber::Madvise), Cost::MadvisePage), 2U);
  const PartId munmap = PartId::of(SyscallNumber::Munmap);
  EXPECT_EQ(done(recorded, munmap, Cost::MunmapPage), 3U);
  EXPECT_EQ(done(recorded, munmap, Cost::MunmapHuge), 0U);
}

TEST(WorkMeter, CountsWhatTheKernelPopulates) {
  auto trace = started();
  trace.call(SyscallNumber::Mmap,
             {0, 8 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
              ~0ULL, 0},
             static_cast<std::int64_t>(kPlace - 8 * kPageSize));
  trace.unmap(kPlace - 8 * kPageSize, 8 * kPageSize);
  const Recorded recorded = measure(trace.material);
  EXPECT_EQ(done(recorded, PartId::of(SyscallNumber::Mmap), Cost::PopulatePage), 8U);
  EXPECT_EQ(done(recorded, PartId::of(SyscallNumber::Munmap), Cost::MunmapPage), 8U);
}

TEST(WorkMeter, CountsHugePages) {
  replay::testing::TraceBuilder trace;
  trace.material.trace.meta["host.thp.enabled"] = "always";
  trace.exec_snapshot();
  const std::uint64_t place = 0x600000000;
  trace.call(SyscallNumber::Mmap,
             {place, kHugePageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
              ~0ULL, 0},
             static_cast<std::int64_t>(place));
  trace.fault(place, kWrite);
  trace.unmap(place, kHugePageSize);
  const Recorded recorded = measure(trace.material);
  const PartId huge = PartId::of(Kind::HugeAnonymous);
  EXPECT_EQ(done(recorded, huge, Cost::FaultAnon2m), 1U);
  EXPECT_EQ(done(recorded, huge, Cost::PageTable), 2U);  // not the deposited one: pud and pmd
  const PartId munmap = PartId::of(SyscallNumber::Munmap);
  EXPECT_EQ(done(recorded, munmap, Cost::MunmapHuge), 1U);
  EXPECT_EQ(done(recorded, munmap, Cost::MunmapPage), 0U);
}

TEST(WorkMeter, TwoThatZeroAtOnceAreInCompany) {
  for (const bool together : {false, true}) {
    replay::testing::TraceBuilder trace;
    trace.thread(kPid + 1);
    trace.material.trace.meta["host.thp.enabled"] = "always";
    trace.exec_snapshot();
    const std::uint64_t place = 0x600000000;
    trace.call(SyscallNumber::Mmap,
               {place, 2 * kHugePageSize, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~0ULL, 0},
               static_cast<std::int64_t>(place));
    trace.fault(place, kWrite).dur = together ? 200'000 : 500;
    trace.fault(place + kHugePageSize, kWrite, kPid + 1).dur = 200'000;
    const Recorded recorded = measure(trace.material);
    const PartId huge = PartId::of(Kind::HugeAnonymous);
    EXPECT_EQ(done(recorded, huge, Cost::FaultAnon2mOfTwo), together ? 1U : 0U);
    EXPECT_EQ(done(recorded, huge, Cost::FaultAnon2m), together ? 1U : 2U);
  }
}

TEST(WorkMeter, CountsAFaultInsideACallOnce) {
  auto trace = started();
  event::Syscall& call = trace.call(SyscallNumber::Mincore, {kPlace, kBytes, kPlace}, 0);
  call.dur = 5000;
  trace.fault(kPlace, event::kFaultWrite).dur = 700;  // a microsecond later, in the kernel
  const Recorded recorded = measure(trace.material);
  const RecordedSums sums = recorded.times.sums();
  EXPECT_EQ(sums.parts.at(PartId::of(SyscallNumber::Mincore)).ns, 4300);
  EXPECT_EQ(sums.parts.at(PartId::of(Kind::AnonymousPage)).ns, 700);
  EXPECT_EQ(recorded.total_ns, 500 + 5000);
  EXPECT_EQ(recorded.work.at(PartId::of(SyscallNumber::Mincore)).operations.nameless, 1U);
}

TEST(WorkMeter, LeavesOutSignalsAndUnfinishedFaults) {
  auto trace = started();
  trace.fault(0x1000, kWrite).kind = event::FaultKind::Unfinished;
  const Recorded recorded = measure(trace.material);
  EXPECT_EQ(recorded.work.size(), 1U);  // mmap
  EXPECT_EQ(recorded.total_ns, 500);
}

TEST(WorkMeter, DoesNotTakeMissingTimesForNone) {
  auto trace = started();
  trace.material.trace.meta["backend"] = "import";
  EXPECT_EQ(WorkMeter::recorded_ns(trace.material), std::nullopt);  // sees no faults
  trace.material.trace.meta["backend"] = "bpf";
  EXPECT_EQ(WorkMeter::recorded_ns(trace.material), 500);
  trace.material.trace.syscalls.back().dur = event::kUnknownDuration;
  EXPECT_EQ(WorkMeter::recorded_ns(trace.material), std::nullopt);
}

TEST(WorkMeter, StandsCallsWithWildArguments) {
  auto trace = started();
  for (const std::uint64_t at :
       {std::uint64_t{0}, kPlace, ~std::uint64_t{0} - 4095, std::uint64_t{1} << 47U}) {
    for (const std::uint64_t length :
         {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63U}) {
      for (const SyscallNumber number : {SyscallNumber::Mprotect, SyscallNumber::Munmap,
                                         SyscallNumber::Madvise, SyscallNumber::Mmap}) {
        trace.call(number, {at, length, PROT_NONE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS}, -22);
      }
    }
  }
  const Recorded recorded = measure(trace.material);
  EXPECT_EQ(recorded.work.at(PartId::of(SyscallNumber::Munmap)).count, 12U);
}

}  // namespace
}  // namespace ft::sim::cost
