#include "sim/phys/frame_store.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

namespace ft::sim::phys {
namespace {

Pfn take(FrameStore& store, unsigned order) {
  const auto first = store.allocate(order, FrameUse::Anonymous);
  EXPECT_TRUE(first);
  store.frames()[*first] = {.kind = FrameKind::Anonymous};
  store.check();
  return *first;
}

TEST(FrameStore, BlocksAreAlignedAndDistinct) {
  FrameStore store(1 << 16U);
  std::set<Pfn> seen;
  for (const unsigned order : {0U, 9U, 0U, 4U, 9U, 1U, 0U}) {
    const Pfn first = take(store, order);
    EXPECT_EQ(first % (Pfn{1} << order), 0U);
    EXPECT_GE(first, kFirstUsable);
    for (Pfn pfn = first; pfn < first + (Pfn{1} << order); ++pfn)
      EXPECT_TRUE(seen.insert(pfn).second);
  }
  EXPECT_EQ(store.frames_in_use(), seen.size());
}

TEST(FrameStore, WhatIsGivenBackIsGivenOutAgain) {
  FrameStore store(1 << 16U);
  const Pfn first = take(store, 3);
  store.free(first, 3);
  store.check();
  EXPECT_EQ(store.frames_in_use(), 0U);
  EXPECT_EQ(take(store, 3), first);
}

TEST(FrameStore, SplitsALargerBlockOnceNothingIsNew) {
  FrameStore store(2048);
  const Pfn first = take(store, 9);
  EXPECT_EQ(take(store, 9), first + 512);
  EXPECT_FALSE(store.allocate(0, FrameUse::Anonymous));
  store.free(first, 9);
  for (int i = 0; i < 512; ++i) take(store, 0);
  EXPECT_FALSE(store.allocate(0, FrameUse::Anonymous));
  EXPECT_EQ(store.frames_in_use(), 1024U);
}

TEST(FrameStore, FreeingTwiceIsOurBug) {
  FrameStore store(1 << 12U);
  const Pfn first = take(store, 0);
  store.free(first, 0);
  EXPECT_DEATH(store.free(first, 0), "FrameKind::Free");
  EXPECT_DEATH(store.free(1, 0), "kFirstUsable");
}

TEST(FrameTable, RefusesWhatNoMachineHas) {
  EXPECT_DEATH(FrameTable{kFirstUsable}, "frames");
  EXPECT_DEATH(FrameTable{kMostFrames + 1}, "frames");
}

}  // namespace
}  // namespace ft::sim::phys
