#include "sim/reclaim/groups.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sim/reclaim/swap.h"

namespace ft::sim::reclaim {
namespace {

TEST(Groups, ChargesSixtyFourPagesAhead) {
  Groups groups(CgroupVersion::Two, 2);
  const GroupId group = groups.add(kRootGroup, {.max = 1000});
  EXPECT_FALSE(groups.try_charge(group, 1, 0));
  EXPECT_EQ(groups.memory(group).pages, 64U);
  EXPECT_EQ(groups.held_ahead(group), 63U);
  for (int i = 0; i < 63; ++i) EXPECT_FALSE(groups.try_charge(group, 1, 0));
  EXPECT_EQ(groups.memory(group).pages, 64U);
  // The other CPU holds its own.
  EXPECT_FALSE(groups.try_charge(group, 1, 1));
  EXPECT_EQ(groups.memory(group).pages, 128U);
  groups.drain(group);
  EXPECT_EQ(groups.memory(group).pages, 65U);
  EXPECT_EQ(groups.memory(group).most, 128U);
  groups.check();
}

TEST(Groups, NearTheLimitOnlyWhatIsAskedForIsCharged) {
  Groups groups(CgroupVersion::Two, 1);
  const GroupId group = groups.add(kRootGroup, {.max = 3});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(groups.try_charge(group, 1, 0));
  EXPECT_EQ(groups.memory(group).pages, 3U);
  EXPECT_EQ(groups.memory(group).failures, 3U);  // the batches that did not fit
  const auto obstacle = groups.try_charge(group, 1, 0);
  ASSERT_TRUE(obstacle);
  EXPECT_EQ(obstacle->group, group);
  EXPECT_FALSE(obstacle->with_swap);
  EXPECT_EQ(groups.margin(group), 0U);
  EXPECT_EQ(groups.memory(group).pages, 3U);
}

TEST(Groups, AParentsLimitIsInTheWayOfItsChildren) {
  Groups groups(CgroupVersion::Two, 1);
  const GroupId parent = groups.add(kRootGroup, {.max = 100});
  const GroupId a = groups.add(parent, {});
  const GroupId b = groups.add(parent, {.max = 1000});
  EXPECT_FALSE(groups.try_charge(a, 70, 0));
  const auto obstacle = groups.try_charge(b, 31, 0);
  ASSERT_TRUE(obstacle);
  EXPECT_EQ(obstacle->group, parent);
  EXPECT_EQ(groups.memory(b).pages, 0U);
  EXPECT_EQ(groups.memory(parent).pages, 70U);
  EXPECT_TRUE(groups.below(b, parent));
  EXPECT_FALSE(groups.below(parent, b));
  EXPECT_EQ(groups.tree(parent), (std::vector<GroupId>{parent, a, b}));
  groups.check();
}

TEST(Groups, OneGroupHeldAheadUntil616ThenSeven) {
  for (const bool newer : {false, true}) {
    Groups groups(CgroupVersion::Two, 1,
                  newer ? ReclaimRules::linux_6_18() : ReclaimRules::linux_6_12());
    const GroupId a = groups.add(kRootGroup, {});
    const GroupId b = groups.add(kRootGroup, {});
    EXPECT_FALSE(groups.try_charge(a, 1, 0));
    EXPECT_FALSE(groups.try_charge(b, 1, 0));
    EXPECT_EQ(groups.held_ahead(a), newer ? 63U : 0U);
    EXPECT_EQ(groups.memory(a).pages, newer ? 64U : 1U);
    groups.check();
  }
}

TEST(Groups, VersionOneCountsMemoryAndSwapTogether) {
  Groups groups(CgroupVersion::One, 1);
  const GroupId group = groups.add(kRootGroup, {.max = 1000, .memory_and_swap_max = 1000});
  EXPECT_FALSE(groups.try_charge(group, 900, 0));
  // Swapping out brings memory, but nothing below the sum's limit.
  EXPECT_TRUE(groups.try_swap(group, 200));
  groups.uncharge(group, 200, 0);
  EXPECT_EQ(groups.memory(group).pages, 700U);
  EXPECT_EQ(groups.memory_and_swap(group).pages, 900U);
  const auto obstacle = groups.try_charge(group, 200, 0);
  ASSERT_TRUE(obstacle);
  EXPECT_TRUE(obstacle->with_swap);
  groups.unswap(group, 200);
  EXPECT_FALSE(groups.try_charge(group, 200, 0));
  groups.check();
}

TEST(Groups, VersionTwoLimitsSwapByItself) {
  Groups groups(CgroupVersion::Two, 1);
  const GroupId parent = groups.add(kRootGroup, {.swap_max = 100});
  const GroupId group = groups.add(parent, {.max = 1000});
  EXPECT_EQ(groups.swap_left(group, 5000), 100U);
  EXPECT_TRUE(groups.try_swap(group, 60));
  EXPECT_FALSE(groups.try_swap(group, 41));
  EXPECT_EQ(groups.swap_left(group, 5000), 40U);
  EXPECT_EQ(groups.swap_left(group, 7), 7U);
}

// mm/memcontrol.c mem_cgroup_get_max.
TEST(Groups, WhatItCouldHaveIsForTheKiller) {
  Groups two(CgroupVersion::Two, 1);
  const GroupId a = two.add(kRootGroup, {.max = 1000, .swap_max = 300});
  EXPECT_EQ(two.total(a, 5000, 60), 1300U);
  EXPECT_EQ(two.total(a, 200, 60), 1200U);
  EXPECT_EQ(two.total(a, 5000, 0), 1000U);
  Groups one(CgroupVersion::One, 1);
  const GroupId b = one.add(kRootGroup, {.max = 1000, .memory_and_swap_max = 1500});
  EXPECT_EQ(one.total(b, 5000, 60), 1500U);
  EXPECT_EQ(one.total(b, 5000, 0), 1000U);
}

// mm/page_counter.c effective_protection. Parent 100; children claim 80 and 40 and use that much:
// 120 > 100, so each gets its part of 100: 66 and 33.
TEST(Groups, ProtectionIsSharedByWhatIsUsed) {
  Groups groups(CgroupVersion::Two, 1);
  const GroupId top = groups.add(kRootGroup, {});
  const GroupId parent = groups.add(top, {.low = 100});
  const GroupId a = groups.add(parent, {.low = 80, .min = 10});
  const GroupId b = groups.add(parent, {.low = 40});
  EXPECT_FALSE(groups.try_charge(a, 200, 0));
  EXPECT_FALSE(groups.try_charge(b, 100, 0));
  EXPECT_EQ(groups.protection(parent, top).low, 100U);
  EXPECT_EQ(groups.protection(a, top).low, 66U);
  EXPECT_EQ(groups.protection(b, top).low, 33U);
  EXPECT_EQ(groups.protection(a, top).min, 0U);  // the parent has none to give
  EXPECT_EQ(groups.protection(a, parent).min, 10U);
  EXPECT_EQ(groups.protection(a, a).min, 0U);  // a group is not protected from its own limit
}

TEST(Swap, FillsTheHigherPriorityFirst) {
  Swap swap;
  swap.add({.slots = 100, .priority = -2});
  swap.add({.slots = 10, .priority = 100, .compression = 2.5});
  swap.check();
  EXPECT_EQ(swap.take(8), SwapSlot{0});
  EXPECT_TRUE(swap.writes_at_once(0));
  EXPECT_EQ(swap.take(8), SwapSlot{1});
  EXPECT_FALSE(swap.writes_at_once(1));
  EXPECT_EQ(swap.take(2), SwapSlot{0});
  EXPECT_EQ(swap.memory_pages(), 4U);  // 10 / 2.5
  EXPECT_EQ(swap.free(), 92U);
  EXPECT_FALSE(swap.take(93));
  swap.give(0, 9);
  EXPECT_EQ(swap.memory_pages(), 1U);  // 1 / 2.5, rounded up
  swap.check();
}

TEST(Swap, WithoutDevicesThereIsNone) {
  Swap swap;
  EXPECT_FALSE(swap.take(1));
  EXPECT_EQ(swap.total(), 0U);
  EXPECT_EQ(swap.memory_pages(), 0U);
}

RC_GTEST_PROP(GroupsProperty, CountersAddUpWhateverHappens, ()) {
  const auto version = *rc::gen::element(CgroupVersion::One, CgroupVersion::Two);
  const auto rules = *rc::gen::element(0, 1);
  Groups groups(version, 2, rules == 0 ? ReclaimRules::linux_6_1() : ReclaimRules::linux_6_18());
  const GroupId parent = groups.add(kRootGroup, {.max = 600, .memory_and_swap_max = 800});
  std::vector<GroupId> leaves;
  for (int i = 0; i < 3; ++i) {
    leaves.push_back(groups.add(parent, {.max = 300, .swap_max = 50}));
  }
  std::vector<std::uint64_t> charged(leaves.size());
  std::vector<std::uint64_t> swapped(leaves.size());
  const auto steps = *rc::gen::inRange(0, 200);
  for (int step = 0; step < steps; ++step) {
    const auto who = *rc::gen::inRange<std::size_t>(0, leaves.size());
    const auto pages = *rc::gen::inRange<std::uint64_t>(1, 80);
    const auto cpu = *rc::gen::inRange(0U, 2U);
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
      case 1:
        if (!groups.try_charge(leaves[who], pages, cpu)) charged[who] += pages;
        break;
      case 2: {
        const std::uint64_t given = std::min(pages, charged[who]);
        groups.uncharge(leaves[who], given, cpu, pages % 2 == 0);
        charged[who] -= given;
        break;
      }
      case 3:
        if (groups.try_swap(leaves[who], pages)) swapped[who] += pages;
        break;
      default: {
        const std::uint64_t given = std::min(pages, swapped[who]);
        groups.unswap(leaves[who], given);
        swapped[who] -= given;
        if (pages == 7) groups.drain(parent);
        break;
      }
    }
    groups.check();
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      RC_ASSERT(groups.memory(leaves[i]).pages == charged[i] + groups.held_ahead(leaves[i]));
      RC_ASSERT(groups.swap(leaves[i]).pages == swapped[i]);
      RC_ASSERT(groups.memory(leaves[i]).pages <= 300);
      sum += groups.memory(leaves[i]).pages;
    }
    RC_ASSERT(groups.memory(parent).pages == sum);
    RC_ASSERT(sum <= 600);
  }
}

}  // namespace
}  // namespace ft::sim::reclaim
