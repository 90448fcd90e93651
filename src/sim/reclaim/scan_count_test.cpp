#include "sim/reclaim/scan_count.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "base/units.h"

namespace ft::sim::reclaim {
namespace {

constexpr std::uint64_t kGibPages = kGiB / kPageSize;

// mm/vmscan.c, the table above inactive_is_low(): 1 below a GiB, 3 at 1 GiB, 10 at 10 GiB, 31 at
// 100 GiB, 101 at 1 TiB, 320 at 10 TiB.
TEST(InactiveRatio, IsThatOfTheKernelsTable) {
  EXPECT_EQ(inactive_ratio(100 * kMiB / kPageSize), 1U);
  EXPECT_EQ(inactive_ratio(kGibPages - 1), 1U);
  EXPECT_EQ(inactive_ratio(kGibPages), 3U);
  EXPECT_EQ(inactive_ratio(10 * kGibPages), 10U);
  EXPECT_EQ(inactive_ratio(100 * kGibPages), 31U);
  EXPECT_EQ(inactive_ratio(1024 * kGibPages), 101U);
  EXPECT_EQ(inactive_ratio(10 * 1024 * kGibPages), 320U);
}

TEST(InactiveRatio, OneGibWantsAQuarterInactive) {
  EXPECT_FALSE(inactive_is_low(kGibPages / 4, kGibPages / 4 * 3));
  EXPECT_TRUE(inactive_is_low(kGibPages / 4 - 1, kGibPages / 4 * 3));
  EXPECT_FALSE(inactive_is_low(0, 0));
  EXPECT_TRUE(inactive_is_low(0, 1));
}

ScanInput of_sizes(std::uint64_t inactive_anonymous, std::uint64_t active_anonymous,
                   std::uint64_t inactive_file, std::uint64_t active_file) {
  return {.sizes = {inactive_anonymous, active_anonymous, inactive_file, active_file},
          .can_swap = true};
}

TEST(ScanTargets, WithoutSwapOnlyFilesAreLookedAt) {
  ScanInput input = of_sizes(40960, 40960, 81920, 4096);
  input.can_swap = false;
  const ScanTargets targets = scan_targets(input);
  EXPECT_EQ(targets.balance, Balance::FileOnly);
  EXPECT_EQ(targets.pages, (ListCounts{0, 0, 20, 1}));  // a 4096th
}

TEST(ScanTargets, SwappinessZeroSparesAGroupButNotTheMachine) {
  ScanInput input = of_sizes(4096, 0, 4096, 0);
  input.swappiness = 0;
  input.priority = 2;
  input.of_group = true;
  EXPECT_EQ(scan_targets(input).balance, Balance::FileOnly);
  input.of_group = false;
  EXPECT_EQ(scan_targets(input).balance, Balance::Fraction);
  EXPECT_EQ(scan_targets(input).pages[0], 0U);  // a share of 0 of 200
  input.little_file = true;
  EXPECT_EQ(scan_targets(input).balance, Balance::AnonymousOnly);
  EXPECT_EQ(scan_targets(input).pages, (ListCounts{1024, 0, 0, 0}));
}

TEST(ScanTargets, AtTheLastPriorityEverythingIsLookedAt) {
  ScanInput input = of_sizes(1, 2, 3, 4);
  input.priority = 0;
  input.trims_cache = true;
  EXPECT_EQ(scan_targets(input).balance, Balance::Equal);
  EXPECT_EQ(scan_targets(input).pages, (ListCounts{1, 2, 3, 4}));
  input.swappiness = 0;
  EXPECT_EQ(scan_targets(input).balance, Balance::FileOnly);
}

// With no costs: ap = 60 * 1 / 1, fp = 140 * 1 / 1 of 200.
TEST(ScanTargets, WithoutCostsSwappinessAloneDecides) {
  ScanInput input = of_sizes(200 << 3U, 0, 200 << 3U, 0);
  input.priority = 3;
  EXPECT_EQ(scan_targets(input).pages, (ListCounts{60, 0, 140, 0}));
  input.swappiness = 200;
  EXPECT_EQ(scan_targets(input).pages, (ListCounts{200, 0, 0, 0}));
}

// Only files cost, 300: anon_cost = 300, file_cost = 600, total = 900.
// ap = 60 * 901 / 301 = 179, fp = 140 * 901 / 601 = 209; of 388.
TEST(ScanTargets, CostsShiftPressureByAtMostAThird) {
  ScanInput input = of_sizes(38800, 0, 38800, 0);
  input.priority = 0;
  input.swappiness = 60;
  input.file_cost = 300;
  input.priority = 1;
  EXPECT_EQ(scan_targets(input).pages, (ListCounts{19400 * 179 / 388, 0, 19400 * 209 / 388, 0}));
}

// size - size * low / (used + 1): 10000 - 10000 * 5000 / 10001 = 5001, a quarter of it.
TEST(ScanTargets, ProtectionTakesItsShareOff) {
  ScanInput input = of_sizes(0, 0, 10000, 0);
  input.can_swap = false;
  input.priority = 2;
  input.group_pages = 10000;
  input.protection = {.min = 1000, .low = 5000};
  ScanTargets targets = scan_targets(input);
  EXPECT_TRUE(targets.spared_low);
  EXPECT_EQ(targets.pages[2], 5001U >> 2U);
  input.breaks_low = true;
  targets = scan_targets(input);
  EXPECT_FALSE(targets.spared_low);
  EXPECT_EQ(targets.pages[2], 9001U >> 2U);
  // All of it protected: still a cluster, before the shift.
  input.protection = {.min = 20000, .low = 0};
  input.priority = 0;
  EXPECT_EQ(scan_targets(input).pages[2], kClusterPages);
}

RC_GTEST_PROP(ScanTargetsProperty, NeverMoreThanThereIsAndMoreAtHigherPriority, ()) {
  ScanInput input;
  for (std::uint64_t& size : input.sizes) size = *rc::gen::inRange<std::uint64_t>(0, 1U << 24U);
  input.swappiness = *rc::gen::inRange(0U, kMostSwappiness + 1);
  input.can_swap = *rc::gen::arbitrary<bool>();
  input.of_group = *rc::gen::arbitrary<bool>();
  input.little_file = *rc::gen::arbitrary<bool>();
  input.trims_cache = *rc::gen::arbitrary<bool>();
  input.anonymous_cost = *rc::gen::inRange<std::uint64_t>(0, 1U << 22U);
  input.file_cost = *rc::gen::inRange<std::uint64_t>(0, 1U << 22U);
  input.priority = *rc::gen::inRange(2U, kFirstPriority + 1);
  const ScanTargets gentle = scan_targets(input);
  --input.priority;
  const ScanTargets harder = scan_targets(input);
  for (std::size_t i = 0; i < kEvictableLists; ++i) {
    RC_ASSERT(gentle.pages[i] <= input.sizes[i]);
    RC_ASSERT(harder.pages[i] >= gentle.pages[i]);
    RC_ASSERT(input.can_swap || is_file(static_cast<ListKind>(i)) || gentle.pages[i] == 0);
  }
}

}  // namespace
}  // namespace ft::sim::reclaim
