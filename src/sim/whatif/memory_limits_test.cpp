#include "sim/whatif/memory_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sim/whatif/limited_frames.h"
#include "sim/whatif/settings.h"
#include "sim/whatif/test_recording.h"

namespace ft::sim::whatif {
namespace {

using event::kFaultUser;
using event::kFaultWrite;
using ::testing::HasSubstr;

constexpr std::uint64_t kArea = 0x7effff000000;

// Maps 16 MiB, and writes to the first `pages` pages of it.
class Start : public replay::testing::TraceBuilder {
 public:
  explicit Start(std::uint64_t pages) {
    exec_snapshot();
    map(16 * kMiB, kArea);
    for (std::uint64_t i = 0; i < pages; ++i) {
      fault(kArea + i * kPageSize, kFaultUser | kFaultWrite);
    }
    unmap(kArea + 16 * kMiB, kPageSize);
  }

  LimitFigures with(const LimitWishes& wishes) const {
    Notes notes;
    const auto plan = limit_plan(wishes, material.trace, notes);
    EXPECT_TRUE(plan) << plan.error().message();
    return measure_limits(material, *testing::parts_of(material.trace), *plan);
  }
};

TEST(MemoryLimits, NeededIsPagesTablesAndWhatTheKernelHas) {
  const Start start(1000);
  const LimitFigures figures = start.with({.group = kGiB});
  EXPECT_EQ(figures.verdict, Verdict::Fits);
  EXPECT_GE(figures.needed_anonymous_bytes, 1000 * kPageSize);
  EXPECT_LE(figures.needed_anonymous_bytes, 1010 * kPageSize);
  EXPECT_GE(figures.needed_table_bytes, 5 * kPageSize);  // 2 pte, pmd, pud, more for the stack
  EXPECT_GT(figures.needed_kernel_bytes, 0U);
  EXPECT_EQ(figures.needed_bytes, figures.needed_anonymous_bytes + figures.needed_table_bytes +
                                      figures.needed_kernel_bytes);
  // With at most one batch charged ahead.
  EXPECT_GE(figures.peak_bytes, figures.needed_bytes);
  EXPECT_LE(figures.peak_bytes, figures.needed_bytes + reclaim::kChargeBatch * kPageSize);
}

TEST(MemoryLimits, TheNeedIsTheEdge) {
  const Start start(1000);
  const std::uint64_t needed = start.with({.group = kGiB}).needed_bytes;
  EXPECT_EQ(start.with({.group = needed}).verdict, Verdict::Fits);
  const LimitFigures below = start.with({.group = needed - kPageSize});
  EXPECT_EQ(below.verdict, Verdict::Killed);
  ASSERT_EQ(below.killed.size(), 1U);
  EXPECT_EQ(below.killed[0].pid, replay::testing::kPid);
  EXPECT_TRUE(below.killed[0].for_group);
  EXPECT_GT(below.killed[0].points, 990);
  EXPECT_EQ(below.needed_bytes, needed);  // told though it was not reached
  EXPECT_EQ(below.swapped_bytes, 0U);
}

TEST(MemoryLimits, WhatDoesNotFitIsSwappedOldestFirst) {
  const Start start(1000);
  const std::uint64_t needed = start.with({.group = kGiB}).needed_bytes;
  for (const auto compression : {std::optional<double>(), std::optional(2.0)}) {
    const LimitFigures figures = start.with(
        {.group = needed - 100 * kPageSize, .swap = kGiB, .swap_compression = compression});
    EXPECT_EQ(figures.verdict, Verdict::Reclaims);
    EXPECT_TRUE(figures.killed.empty());
    EXPECT_GE(figures.swapped_bytes, 100 * kPageSize);
    EXPECT_LE(figures.swapped_bytes, 200 * kPageSize);
    std::uint64_t in_swap = 0;
    for (const LimitPart& part : figures.parts) in_swap += part.swapped_bytes;
    EXPECT_LE(in_swap, figures.swapped_bytes);
    EXPECT_GE(in_swap, 100 * kPageSize);
    EXPECT_EQ(figures.compressed_bytes != 0, compression.has_value());
    EXPECT_THAT(figures.notes, ::testing::Contains(HasSubstr("read back is not known")));
  }
}

TEST(MemoryLimits, WithTooLittleSwapItIsKilledAllTheSame) {
  const Start start(1000);
  const LimitFigures figures = start.with({.group = 2 * kMiB, .swap = 512 * kKiB});
  EXPECT_EQ(figures.verdict, Verdict::Killed);
  EXPECT_EQ(figures.swapped_bytes, 512 * kKiB);
}

TEST(MemoryLimits, SwappinessZeroOfVersionOneSwapsNothing) {
  Start start(1000);
  start.material.trace.meta["host.cgroup.version"] = "1";
  EXPECT_EQ(start.with({.group = 3 * kMiB, .swap = kGiB, .swappiness = 0}).verdict,
            Verdict::Killed);
  EXPECT_EQ(start.with({.group = 3 * kMiB, .swap = kGiB}).verdict, Verdict::Reclaims);
}

TEST(MemoryLimits, ASmallMachineIsOutOfMemoryOnceOthersHaveTheirs) {
  Start start(4000);
  start.material.trace.snapshots.push_back(
      {.moment = "start",
       .source = "meminfo",
       .text = "MemTotal:  262144 kB\nMemFree:  200000 kB\nActive(file):  10000 kB\n"
               "Inactive(file):  2144 kB\nSReclaimable:  0 kB\n"});
  EXPECT_EQ(start.with({.machine = 256 * kMiB}).verdict, Verdict::Fits);
  const LimitFigures figures = start.with({.machine = 64 * kMiB});
  EXPECT_EQ(figures.plan.others_bytes, 50000 * kKiB);
  EXPECT_EQ(figures.verdict, Verdict::Killed);
  ASSERT_EQ(figures.killed.size(), 1U);
  EXPECT_FALSE(figures.killed[0].for_group);
  EXPECT_GT(figures.direct_reclaims, 0U);
  const LimitFigures swapping = start.with({.machine = 64 * kMiB, .swap = kGiB});
  EXPECT_EQ(swapping.verdict, Verdict::Reclaims);
  EXPECT_GT(swapping.kswapd_wakeups, 0U);
  EXPECT_GT(swapping.swapped_bytes, 0U);
}

TEST(MemoryLimits, AMachineThatOthersFillAloneIsRefused) {
  Start start(1);
  start.material.trace.snapshots.push_back(
      {.source = "meminfo", .text = "MemTotal:  1262144 kB\nMemFree:  2000 kB\n"});
  Notes notes;
  const auto plan = limit_plan({.machine = 64 * kMiB}, start.material.trace, notes);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message(), HasSubstr("--set memory"));
}

TEST(LimitSettings, AreTakenAndRefused) {
  Wishes wishes;
  for (const char* good : {"memory=4G", "cgroup.limit=512M", "swap=2g", "swap.compression=3.2",
                           "swappiness=0", "swap=0", "swappiness=200", "cgroup.limit=4097"}) {
    EXPECT_TRUE(apply_setting(good, wishes)) << good;
  }
  EXPECT_EQ(wishes.limits.machine, 4 * kGiB);
  EXPECT_EQ(wishes.limits.group, kPageSize);  // rounded down to pages, as the kernel does
  EXPECT_EQ(wishes.limits.swap, 0U);
  EXPECT_EQ(wishes.limits.swappiness, 200U);
  for (const char* bad : {"memory=0", "memory=4G1", "memory=9223372036854775808", "memory=65M",
                          "memory=-1", "cgroup.limit=0", "cgroup.limit=", "cgroup.limit=big",
                          "swap=-1", "swap=5T", "swap.compression=0.5", "swap.compression=nan",
                          "swap.compression=inf", "swappiness=201", "swappiness=60%"}) {
    const auto refused = apply_setting(bad, wishes);
    ASSERT_FALSE(refused) << bad;
    EXPECT_THAT(refused.error().message(), HasSubstr("allowed: ")) << bad;
  }
}

// Whatever is taken and given back, charges and frames stay whole.
RC_GTEST_PROP(LimitedFramesProperty, NothingIsLostUnderPressure, ()) {
  const LimitPlan plan = {
      .cpus = 2,
      .group_bytes = *rc::gen::inRange<std::uint64_t>(1, 400) * kPageSize,
      .swap_bytes = *rc::gen::inRange<std::uint64_t>(0, 200) * kPageSize,
      .swap_compression = *rc::gen::element(std::optional<double>(), std::optional(3.0))};
  const auto frames = LimitedFrames::make(plan);
  RC_ASSERT(frames.has_value());
  std::vector<std::pair<phys::Pfn, unsigned>> taken;
  const auto steps = *rc::gen::inRange(0, 300);
  for (int step = 0; step < steps; ++step) {
    const auto order = *rc::gen::element(0U, 0U, 0U, 2U);
    if (*rc::gen::inRange(0, 4) != 0 || taken.empty()) {
      const auto use = *rc::gen::element(phys::FrameUse::Anonymous, phys::FrameUse::PageTable);
      const unsigned wanted = use == phys::FrameUse::PageTable ? 0 : order;
      const auto first = (*frames)->allocate(wanted, use);
      if (!first) continue;
      for (phys::Pfn pfn = *first; pfn < *first + (phys::Pfn{1} << wanted); ++pfn) {
        (*frames)->frames()[pfn] = {.kind = phys::FrameKind::Anonymous};
      }
      taken.emplace_back(*first, wanted);
    } else {
      const auto at = *rc::gen::inRange<std::size_t>(0, taken.size());
      (*frames)->free(taken[at].first, taken[at].second);
      taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(at));
    }
    (*frames)->check();
  }
}

}  // namespace
}  // namespace ft::sim::whatif
