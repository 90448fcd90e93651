#include "sim/phys/per_cpu_lists.h"

#include <gtest/gtest.h>

#include <vector>

namespace ft::sim::phys {
namespace {

constexpr CpuListLimits kLimits = {.batch = 63, .high_min = 1000, .high_max = 10000};

struct World {
  explicit World(AllocatorRules of_release = {}, CpuListLimits limits = kLimits)
      : frames(64 * kMaxBlockPages),
        blocks(frames.size()),
        buddy(frames, blocks, 0, {kMaxBlockPages, frames.size()}, frames.size(), marks, 15000,
              of_release),
        lists(frames, buddy, limits, of_release) {
    buddy.add_untouched({kMaxBlockPages, frames.size()});
  }
  Pfn take(unsigned order = 0) {
    return lists.take(order, MigrateType::Movable, Fragmenting::Allowed, pressure);
  }
  std::uint64_t refill_of_next() {
    const std::uint64_t before = lists.events().refilled_pages;
    while (lists.events().refilled_pages == before) EXPECT_NE(take(), kNoFrame);
    return lists.events().refilled_pages - before;
  }

  FrameTable frames;
  PageBlocks blocks;
  Watermarks marks{.high = 100};
  ZonePressure pressure;
  BuddyAllocator buddy;
  PerCpuLists lists;
};

TEST(PerCpuLists, RefillsDoubleWhileNothingIsFreed) {
  World world;
  for (const std::uint64_t pages : {63U, 126U, 252U, 504U, 1008U, 2016U, 2016U}) {
    EXPECT_EQ(world.refill_of_next(), pages);
  }
  const Pfn pfn = world.take();
  world.lists.give(pfn, 0, MigrateType::Movable, world.pressure);
  EXPECT_EQ(world.refill_of_next(), 252U);  // a free halves the exponent: 2^5 to 2^2 batches
  world.lists.check();
  world.buddy.check();
}

TEST(PerCpuLists, RefillsStayTheSameBefore6_7) {
  World world(AllocatorRules::linux_6_1(), {.batch = 63, .high_min = 1000, .high_max = 1000});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(world.refill_of_next(), 63U);
}

TEST(PerCpuLists, GiveBackWhatWasUsedLast) {
  World world;
  const Pfn first = world.take();
  const Pfn second = world.take();
  EXPECT_EQ(second, first + 1);
  world.lists.give(first, 0, MigrateType::Movable, world.pressure);
  world.lists.give(second, 0, MigrateType::Movable, world.pressure);
  EXPECT_EQ(world.take(), second);
  EXPECT_EQ(world.take(), first);
}

TEST(PerCpuLists, GrowWithBurstsUpToALimit) {
  World world;
  std::vector<Pfn> taken;
  for (int i = 0; i < 40000; ++i) taken.push_back(world.take());
  EXPECT_EQ(world.lists.high(), kLimits.high_max);
  for (const Pfn pfn : taken) {
    world.lists.give(pfn, 0, MigrateType::Movable, world.pressure);
    ASSERT_LE(world.lists.count(), kLimits.high_max + 2016);
  }
  EXPECT_GT(world.lists.events().drained_pages, 25000U);
  world.lists.check();
  world.buddy.check();
}

TEST(PerCpuLists, ShrinkWhileTheZoneIsShort) {
  World world;
  std::vector<Pfn> taken;
  for (int i = 0; i < 20000; ++i) taken.push_back(world.take());
  world.pressure.below_high = true;
  for (const Pfn pfn : taken) world.lists.give(pfn, 0, MigrateType::Movable, world.pressure);
  EXPECT_EQ(world.lists.high(), kLimits.high_min);
  EXPECT_LE(world.lists.count(), kLimits.high_min + 63);
}

TEST(PerCpuLists, DecayOnceASecond) {
  World world;
  std::vector<Pfn> taken;
  for (int i = 0; i < 9000; ++i) taken.push_back(world.take());
  for (const Pfn pfn : taken) world.lists.give(pfn, 0, MigrateType::Movable, world.pressure);
  const std::uint64_t high = world.lists.high();
  world.lists.decay();
  EXPECT_EQ(world.lists.high(), high - high / 8);
  for (int i = 0; i < 60; ++i) world.lists.decay();
  EXPECT_EQ(world.lists.high(), kLimits.high_min);
  EXPECT_EQ(world.lists.count(), kLimits.high_min);
  world.lists.drain();
  EXPECT_EQ(world.lists.count(), 0U);
  EXPECT_EQ(world.buddy.free_pages(), 63 * kMaxBlockPages);
  world.buddy.check();
}

TEST(PerCpuLists, TakeAtLeastTwoLargerBlocksAtOnce) {
  World world;
  EXPECT_NE(world.take(9), kNoFrame);
  EXPECT_EQ(world.lists.events().refilled_pages, 2 * 512U);
  EXPECT_NE(world.take(3), kNoFrame);
  EXPECT_EQ(world.lists.events().refilled_pages, 2 * 512U + 7 * 8U);
  EXPECT_EQ(world.lists.count(), 512U + 6 * 8U);
  world.lists.check();
}

TEST(PerCpuLists, TreatTheAtomicReserveAsMovable) {
  World world;
  const Pfn pfn = world.take();
  world.lists.give(pfn, 0, MigrateType::HighAtomic, world.pressure);
  EXPECT_EQ(world.take(), pfn);
}

}  // namespace
}  // namespace ft::sim::phys
