#include "sim/cost/lookups.h"

#include <gtest/gtest.h>

namespace ft::sim::cost {
namespace {

using profile::Cost;
using tlb::PageSize;

profile::MachineCosts measured() {
  profile::MachineCosts costs;
  costs.tlb.l1_entries_4k = 64;
  costs.tlb.l2_entries_4k = 2048;
  costs.cost_ns.set(Cost::TlbWalk4k, 40);
  costs.cost_spread.set(Cost::TlbWalk4k, 0.2);
  costs.cost_ns.set(Cost::TlbL2Hit, 2);
  return costs;
}

LookupBounds bounds(const Reach& reach, std::uint64_t pages) {
  const auto result = lookups_of(reach.geometry, PageSize::Small, pages);
  EXPECT_TRUE(result) << result.error().message();
  return result.value_or(LookupBounds{});
}

TEST(Lookups, NothingWalksWithinReach) {
  const Reach reach = reach_of({}, measured(), PageSize::Small);
  ASSERT_TRUE(reach.measured);
  EXPECT_EQ(reach.entries, 2048U);
  for (const std::uint64_t pages : {1U, 64U, 65U, 2048U}) {
    EXPECT_EQ(bounds(reach, pages).line_by_line.walks, 0) << pages;
    EXPECT_EQ(bounds(reach, pages).at_random.walks, 0) << pages;
  }
  EXPECT_EQ(bounds(reach, 64).at_random.l2_hits, 0);
  EXPECT_NEAR(bounds(reach, 128).at_random.l2_hits, 0.5, 0.01);
}

TEST(Lookups, BeyondReachAreTheClosedForms) {
  const Reach reach = reach_of({}, measured(), PageSize::Small);
  // One page too many, and a pass in order misses each; at random the share that is not held does.
  EXPECT_DOUBLE_EQ(bounds(reach, 2049).line_by_line.walks, 1.0 / 64);
  EXPECT_NEAR(bounds(reach, 4096).at_random.walks, 0.5, 0.01);
  EXPECT_DOUBLE_EQ(bounds(reach, 1U << 21U).line_by_line.walks, 1.0 / 64);
  EXPECT_NEAR(bounds(reach, 1U << 21U).at_random.walks, 1 - 2048.0 / (1U << 21U), 0.001);
}

TEST(Lookups, TimesTakeTheSpreadOfTheWalk) {
  const Reach reach = reach_of({}, measured(), PageSize::Small);
  const LookupRates rates{.l2_hits = 0.25, .walks = 0.5};
  EXPECT_DOUBLE_EQ(lookup_ns(reach, rates, 0).value_or(-1), 20.5);
  EXPECT_DOUBLE_EQ(lookup_ns(reach, rates, 0.5).value_or(-1), 0.5 * 44 + 0.5);
  EXPECT_DOUBLE_EQ(lookup_ns(reach, rates, -0.5).value_or(-1), 0.5 * 36 + 0.5);
}

TEST(Lookups, WhatWasNotMeasuredIsNotZero) {
  // Calibrated, but huge pages were small to the processor.
  const Reach large = reach_of({}, measured(), PageSize::Large);
  EXPECT_FALSE(large.measured);
  EXPECT_FALSE(large.entries);
  EXPECT_FALSE(large.walk_ns);
  EXPECT_FALSE(lookup_ns(large, {.l2_hits = 1, .walks = 1}, 0));
}

TEST(Lookups, AMachineWithoutMeasurementsHasItsCoresEntries) {
  const auto core = tlb::core_named("zen4");
  ASSERT_TRUE(core);
  const Reach small = reach_of(*core, {}, PageSize::Small);
  EXPECT_FALSE(small.measured);
  EXPECT_EQ(small.entries, 3072U);
  EXPECT_FALSE(small.walk_ns);
  EXPECT_EQ(reach_of(*core, {}, PageSize::Large).entries, 3072U);
  EXPECT_NEAR(bounds(small, 6144).at_random.walks, 0.5, 0.02);
}

}  // namespace
}  // namespace ft::sim::cost
