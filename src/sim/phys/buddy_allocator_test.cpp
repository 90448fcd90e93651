#include "sim/phys/buddy_allocator.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>

namespace ft::sim::phys {
namespace {

constexpr Pfn kStart = 1024;

// A zone of so many blocks of the largest order, all of it free and movable.
struct World {
  explicit World(std::uint64_t largest_blocks, AllocatorRules rules = AllocatorRules::linux_6_18(),
                 std::uint64_t boost_factor = 15000)
      : frames(kStart + largest_blocks * kMaxBlockPages),
        blocks(frames.size()),
        marks{.min = 10, .low = 20, .high = 1000, .promo = 1100},
        buddy(frames, blocks, 0, {kStart, frames.size()}, frames.size() - kStart, marks,
              boost_factor, rules) {
    buddy.add_untouched({kStart, frames.size()});
  }

  std::optional<Pfn> take(unsigned order, MigrateType type = MigrateType::Movable,
                          Fragmenting fragmenting = Fragmenting::Allowed) {
    TakeMode mode = TakeMode::Normal;
    const auto first = buddy.take(order, type, fragmenting, mode);
    if (first) {
      const FrameKind kind =
          type == MigrateType::Movable ? FrameKind::Anonymous : FrameKind::PageTable;
      for (Pfn pfn = *first; pfn < *first + (Pfn{1} << order); ++pfn) frames[pfn] = {.kind = kind};
    }
    return first;
  }
  void give(Pfn first, unsigned order) {
    for (Pfn pfn = first; pfn < first + (Pfn{1} << order); ++pfn) frames[pfn] = {};
    buddy.give(first, order);
  }

  FrameTable frames;
  PageBlocks blocks;
  Watermarks marks;
  BuddyAllocator buddy;
};

TEST(BuddyAllocator, SplitsTheLowestBlockAndReturnsUpperHalves) {
  World world(4);
  EXPECT_EQ(world.take(0), kStart);
  for (unsigned order = 0; order < kMaxOrder; ++order) {
    EXPECT_EQ(world.buddy.blocks(order, MigrateType::Movable), 1U) << order;
    EXPECT_EQ(world.buddy.front(order, MigrateType::Movable), kStart + (Pfn{1} << order));
  }
  EXPECT_EQ(world.buddy.blocks(kMaxOrder, MigrateType::Movable), 3U);
  EXPECT_EQ(world.buddy.events().splits, 10U);
  EXPECT_EQ(world.take(0), kStart + 1);
  EXPECT_EQ(world.buddy.events().splits, 10U);
  EXPECT_EQ(world.take(0), kStart + 2);
  EXPECT_EQ(world.buddy.events().splits, 11U);
  world.buddy.check();
}

TEST(BuddyAllocator, MergesUpToTheLargestOrder) {
  World world(2);
  std::vector<Pfn> taken;
  for (int i = 0; i < 1024; ++i) taken.push_back(*world.take(0));
  EXPECT_EQ(world.buddy.events().splits, 1023U);  // a whole block: pages - 1
  for (const Pfn pfn : taken) world.give(pfn, 0);
  world.buddy.check();
  EXPECT_EQ(world.buddy.events().merges, 1023U);
  EXPECT_EQ(world.buddy.blocks(kMaxOrder, MigrateType::Movable), 2U);
  EXPECT_EQ(world.buddy.free_pages(), 2048U);
}

TEST(BuddyAllocator, PutsWhatWillGrowSoonLast) {
  World world(1);
  for (int i = 0; i < 1024; ++i) ASSERT_TRUE(world.take(0));
  world.give(kStart + 100, 0);
  world.give(kStart + 2, 1);
  // Beside a free pair: expected to become a block of four once its buddy is freed.
  world.give(kStart + 0, 0);
  EXPECT_EQ(world.buddy.front(0, MigrateType::Movable), kStart + 100);
  // No such neighbour: to be used first.
  world.give(kStart + 200, 0);
  EXPECT_EQ(world.buddy.front(0, MigrateType::Movable), kStart + 200);
  world.buddy.check();
}

TEST(BuddyAllocator, TakesInBulkWhatItWouldOneByOne) {
  for (const std::uint64_t count : {1ULL, 7ULL, 63ULL, 64ULL, 1000ULL, 2016ULL, 3000ULL}) {
    World bulk(3);
    World single(3);
    // Some holes to begin with.
    for (World* world : {&bulk, &single}) {
      std::vector<Pfn> taken;
      for (int i = 0; i < 300; ++i) taken.push_back(*world->take(0));
      for (std::size_t i = 0; i < taken.size(); i += 3) world->give(taken[i], 0);
    }
    FreeList list;
    const std::uint64_t got =
        bulk.buddy.take_bulk(0, count, MigrateType::Movable, Fragmenting::Allowed, list);
    std::vector<Pfn> expected;
    while (expected.size() < count) {
      const auto pfn = single.take(0);
      if (!pfn) break;
      expected.push_back(*pfn);
    }
    std::vector<Pfn> pages;
    list.visit(bulk.frames, [&](Pfn pfn) { pages.push_back(pfn); });
    EXPECT_EQ(got, expected.size());
    EXPECT_EQ(pages, expected);
    EXPECT_EQ(bulk.buddy.events().splits, single.buddy.events().splits);
    EXPECT_EQ(bulk.buddy.block_counts(), single.buddy.block_counts());
    bulk.buddy.check();
  }
}

TEST(BuddyAllocator, ClaimsWholePageblocksForAnotherType) {
  World world(1);
  EXPECT_EQ(world.take(0, MigrateType::Unmovable), kStart);
  EXPECT_EQ(world.blocks.type_of(kStart), MigrateType::Unmovable);
  EXPECT_EQ(world.blocks.type_of(kStart + 512), MigrateType::Unmovable);  // of the same block
  EXPECT_EQ(world.buddy.events().claims, 1U);
  EXPECT_EQ(world.marks.boost, 0U);  // nothing is mixed
  world.buddy.check();
}

TEST(BuddyAllocator, ClaimsAPageblockThatIsHalfFreeAndBoostsWatermarks) {
  World world(1);
  ASSERT_TRUE(world.take(9));  // the upper pageblock stays free
  ASSERT_TRUE(world.take(8));
  ASSERT_EQ(world.buddy.blocks(8, MigrateType::Movable), 1U);
  // 256 frames free, none of the like: exactly half.
  EXPECT_TRUE(world.take(0, MigrateType::Unmovable));
  EXPECT_EQ(world.buddy.events().claims, 1U);
  EXPECT_EQ(world.buddy.events().boosts, 0U);  // the zone has less than four pageblocks
  world.buddy.check();
}

TEST(BuddyAllocator, BoostsByAPageblockUpToOneAndAHalfTimesHigh) {
  World world(4);
  std::vector<Pfn> halves;
  for (int i = 0; i < 15; ++i) halves.push_back(*world.take(8));
  // One block of order 8 is left; claiming it mixes types.
  ASSERT_EQ(world.buddy.free_pages(), 256U);
  ASSERT_TRUE(world.take(0, MigrateType::Unmovable));
  EXPECT_EQ(world.marks.boost, 512U);
  EXPECT_TRUE(world.buddy.take_boosted());
  EXPECT_FALSE(world.buddy.take_boosted());
  for (const Pfn pfn : halves) world.give(pfn, 8);
  world.buddy.check();
}

TEST(BuddyAllocator, StealsTheSmallestBlockForMovablePages) {
  World world(1);
  // All of it unmovable, and all in use but two frames and a block of 8.
  for (int i = 0; i < 1024; ++i) ASSERT_TRUE(world.take(0, MigrateType::Unmovable));
  world.give(kStart + 8, 3);
  world.give(kStart + 100, 0);
  EXPECT_EQ(world.take(0, MigrateType::Movable, Fragmenting::Avoided), std::nullopt);
  EXPECT_EQ(world.take(0), kStart + 100);
  EXPECT_EQ(world.buddy.events().steals, 1U);
  EXPECT_EQ(world.blocks.type_of(kStart), MigrateType::Unmovable);
  EXPECT_EQ(world.take(0), kStart + 8);
  // What is left of the block stays unmovable.
  EXPECT_EQ(world.buddy.blocks(0, MigrateType::Unmovable), 1U);
  EXPECT_EQ(world.buddy.blocks(0, MigrateType::Movable), 0U);
  world.buddy.check();
}

TEST(BuddyAllocator, MovesStolenBlocksToTheListsOfTheRequestIn6_1) {
  World world(1, AllocatorRules::linux_6_1());
  for (int i = 0; i < 1024; ++i) ASSERT_TRUE(world.take(0, MigrateType::Unmovable));
  world.give(kStart + 8, 3);
  EXPECT_EQ(world.take(0), kStart + 8);
  EXPECT_EQ(world.buddy.blocks(0, MigrateType::Movable), 1U);
  EXPECT_EQ(world.buddy.blocks(0, MigrateType::Unmovable), 0U);
  EXPECT_EQ(world.blocks.type_of(kStart), MigrateType::Unmovable);
  world.buddy.check();
}

TEST(BuddyAllocator, KeepsTheAtomicReserveApart) {
  World world(1);
  const Pfn first = *world.take(3);
  ASSERT_TRUE(world.buddy.move_pageblock(first, MigrateType::HighAtomic));
  EXPECT_EQ(world.buddy.free_high_atomic(), 512U - 8U);
  world.give(first, 3);
  world.buddy.check();
  EXPECT_EQ(world.buddy.free_high_atomic(), 512U);
  EXPECT_EQ(world.buddy.blocks(9, MigrateType::HighAtomic), 1U);  // not merged with its buddy
  EXPECT_EQ(world.buddy.blocks(9, MigrateType::Movable), 1U);
  EXPECT_TRUE(world.take(9));
  EXPECT_FALSE(world.take(0));
  EXPECT_TRUE(world.buddy.take_smallest(0, MigrateType::HighAtomic));
  world.buddy.check();
}

TEST(BuddyAllocator, TakesOneVeryFrame) {
  World world(4);
  const Pfn wanted = kStart + 2 * kMaxBlockPages + 777;
  ASSERT_TRUE(world.buddy.take_exactly(wanted));
  EXPECT_FALSE(world.buddy.take_exactly(wanted));
  EXPECT_EQ(world.buddy.free_pages(), 4 * kMaxBlockPages - 1);
  world.buddy.check();
  world.buddy.give(wanted, 0);
  EXPECT_EQ(world.buddy.blocks(kMaxOrder, MigrateType::Movable), 4U);
  world.buddy.check();
}

TEST(BuddyAllocator, GivesGigabytesOfWhatNobodyUsed) {
  World world(600);
  ASSERT_TRUE(world.take(0));
  const auto first = world.buddy.take_gigantic(18);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first % (1U << 18U), 0U);
  EXPECT_EQ(world.buddy.take_gigantic(18), std::nullopt);
  world.buddy.check();
  world.buddy.give(*first, 18);
  EXPECT_EQ(world.buddy.free_pages(), 600 * kMaxBlockPages - 1);
  world.buddy.check();
}

TEST(BuddyAllocator, RefusesNonsense) {
  World world(1);
  const Pfn first = *world.take(3);
  EXPECT_DEATH(world.buddy.give(first + 1, 3), "first %");
  EXPECT_DEATH(world.buddy.give(0, 0), "span_");
  world.give(first, 3);
  EXPECT_DEATH(world.buddy.add(kStart + 1, 1, MigrateType::Movable), "first %");
}

// ---- properties
// ----------------------------------------------------------------------------------

struct Step {
  bool take = true;
  unsigned order = 0;
  MigrateType type = MigrateType::Movable;
  std::size_t which = 0;  // of those in use, to give
};

rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(
      rc::gen::set(&Step::take), rc::gen::set(&Step::order, rc::gen::inRange(0U, kOrders)),
      rc::gen::set(&Step::type, rc::gen::element(MigrateType::Unmovable, MigrateType::Movable,
                                                 MigrateType::Reclaimable)),
      rc::gen::set(&Step::which, rc::gen::arbitrary<std::size_t>()));
}

void any_program_keeps_the_lists_sound(AllocatorRules rules) {
  const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
  constexpr std::uint64_t kBlocks = 3;
  World world(kBlocks, rules);
  std::map<Pfn, unsigned> in_use;
  for (const Step& step : steps) {
    if (step.take) {
      if (const auto first = world.take(step.order, step.type)) {
        RC_ASSERT(*first % (Pfn{1} << step.order) == 0U);
        const auto above = in_use.lower_bound(*first);
        RC_ASSERT(above == in_use.end() || above->first >= *first + (Pfn{1} << step.order));
        if (above != in_use.begin()) {
          const auto below = std::prev(above);
          RC_ASSERT(below->first + (Pfn{1} << below->second) <= *first);
        }
        in_use.emplace(*first, step.order);
      } else {
        // Not for want of a block that is large enough.
        RC_ASSERT(!world.buddy.has_block(step.order, false));
      }
    } else if (!in_use.empty()) {
      const auto it = std::next(in_use.begin(), static_cast<long>(step.which % in_use.size()));
      world.give(it->first, it->second);
      in_use.erase(it);
    }
    world.buddy.check();
    std::uint64_t used = 0;
    for (const auto& [first, order] : in_use) used += std::uint64_t{1} << order;
    RC_ASSERT(world.buddy.free_pages() + used == kBlocks * kMaxBlockPages);
  }
  for (const auto& [first, order] : in_use) world.give(first, order);
  world.buddy.check();
  if (rules.claims_before_stealing) {
    std::uint64_t largest = 0;
    for (const MigrateType type :
         {MigrateType::Unmovable, MigrateType::Movable, MigrateType::Reclaimable}) {
      largest += world.buddy.blocks(kMaxOrder, type);
    }
    RC_ASSERT(largest == kBlocks);  // everything merged again
  }
}

RC_GTEST_PROP(BuddyAllocatorProperty, AnyProgramKeepsTheListsSound, ()) {
  any_program_keeps_the_lists_sound(AllocatorRules::linux_6_18());
}

RC_GTEST_PROP(BuddyAllocatorProperty, AnyProgramKeepsTheListsSoundIn6_1, ()) {
  any_program_keeps_the_lists_sound(AllocatorRules::linux_6_1());
}

}  // namespace
}  // namespace ft::sim::phys
