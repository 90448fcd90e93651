#include <cerrno>

#include "sim/virt/test_space.h"

namespace ft::sim::virt {
namespace {

constexpr std::uint64_t kBase = 0x600000000000;
constexpr std::uint64_t at(std::uint64_t page) {
  return kBase + page * kPage;
}
constexpr std::int64_t place(std::uint64_t page) {
  return static_cast<std::int64_t>(at(page));
}
constexpr std::uint64_t kMoveTo = kMremapMayMove | kMremapFixed;

TEST(MremapTest, GrowsInPlaceOrMoves) {
  TestSpace t;
  t.map(at(0), 4);
  EXPECT_EQ(t.remap(at(0), 4, 8, 0), place(0));
  EXPECT_EQ(t.committed.pages(), 8U);
  t.map(at(8), 1, kProtRead);
  EXPECT_EQ(t.remap(at(0), 8, 9, 0), -ENOMEM);
  EXPECT_EQ(t.remap(at(0), 8, 9, kMremapMayMove), static_cast<std::int64_t>(kTop - 9 * kPage));
  EXPECT_EQ(t.committed.pages(), 9U);
  EXPECT_EQ(t.areas(kBase).substr(0, 4), "8-9r");
  t.space.check();
}

TEST(MremapTest, GrowingJoinsTheAreaBehind) {
  TestSpace t;
  t.map(at(0), 4);
  t.map(at(8), 4);
  EXPECT_EQ(t.remap(at(2), 2, 6, 0), place(2));
  EXPECT_EQ(t.areas(kBase), "0-12rw");
  EXPECT_EQ(t.remap(at(2), 2, 6, 0), -ENOMEM) << "does not end with the area";
  t.space.check();
}

TEST(MremapTest, ShrinksAcrossAreas) {
  TestSpace t;
  t.map(at(0), 4);
  t.map(at(4), 4, kProtRead);
  EXPECT_EQ(t.remap(at(2), 6, 1, 0), place(2));
  EXPECT_EQ(t.areas(kBase), "0-3rw");
  t.space.check();
}

TEST(MremapTest, ChecksInTheKernelsOrder) {
  TestSpace t;
  t.map(at(0), 4);
  EXPECT_EQ(t.remap(at(0), 4, 4, 8), -EINVAL);
  EXPECT_EQ(t.space.mremap(at(0) + 1, kPage, kPage, 0, 0).value, -EINVAL);
  EXPECT_EQ(t.remap(at(0), 4, 0, 0), -EINVAL);
  EXPECT_EQ(t.remap(at(8), 1, 1, 0), -EFAULT);
  EXPECT_EQ(t.remap(at(0), 5, 6, kMremapMayMove), -EFAULT);
  EXPECT_EQ(t.remap(at(0), 0, 1, kMremapMayMove), -EINVAL);
  EXPECT_EQ(t.remap(at(0), 4, 4, kMremapFixed, at(8)), -EINVAL);
  EXPECT_EQ(t.remap(at(0), 4, 4, kMoveTo, at(2)), -EINVAL);
  EXPECT_EQ(t.remap(at(0), 4, 4, kMoveTo, 0x7ffffffff000), -EINVAL);
  EXPECT_EQ(t.space.mremap(at(0), kPage, kPage, kMoveTo, at(8) + 1).value, -EINVAL);
  EXPECT_EQ(t.remap(at(0), 4, 5, kMremapMayMove | kMremapDontUnmap), -EINVAL);
  EXPECT_EQ(t.areas(kBase), "0-4rw");
}

TEST(MremapTest, AnUntouchedAreaJoinsWhereItGoes) {
  TestSpace t;
  t.map(at(0), 4);
  t.map(at(16), 4);
  EXPECT_EQ(t.remap(at(0), 4, 4, kMoveTo, at(20)), place(20));
  EXPECT_EQ(t.areas(kBase), "16-24rw");
  t.map(at(0), 4);
  t.fault(at(0));
  EXPECT_EQ(t.remap(at(0), 4, 4, kMoveTo, at(24)), place(24));
  EXPECT_EQ(t.areas(kBase), "16-24rw 24-28rw") << "its pages keep the offset they were made at";
  t.space.check();
}

TEST(MremapTest, AnUntouchedAreaMayJoinItself) {
  TestSpace t;
  t.map(at(0), 8);
  EXPECT_EQ(t.remap(at(0), 8, 8, kMoveTo, at(8)), place(8));
  EXPECT_EQ(t.areas(kBase), "8-16rw");
  EXPECT_EQ(t.committed.pages(), 8U);
  t.space.check();
  TestSpace kept;
  kept.map(at(0), 8);
  EXPECT_EQ(kept.remap(at(0), 8, 8, kMoveTo | kMremapDontUnmap, at(8)), place(8));
  EXPECT_EQ(kept.areas(kBase), "0-16rw") << "as 6.18.44 does";
  kept.space.check();
  TestSpace tidy(kernel::Behaviour::linux_6_12());
  tidy.map(at(0), 8);
  EXPECT_EQ(tidy.remap(at(0), 8, 8, kMoveTo | kMremapDontUnmap, at(8)), place(8));
  EXPECT_EQ(tidy.areas(kBase), "0-8rw 8-16rw");
}

TEST(MremapTest, MovesManyAreasWithTheirGaps) {
  TestSpace t;
  t.map(at(0), 2);
  t.map(at(4), 2, kProtRead);
  t.map(at(6), 4);
  t.map(at(100), 12, kProtRead);
  EXPECT_EQ(t.remap(at(1), 7, 7, kMoveTo, at(101)), place(101));
  EXPECT_EQ(t.areas(kBase), "0-1rw 8-10rw 100-101r- 101-102rw 102-106r- 106-108rw 108-112r-")
      << "what lies in a gap of the source stays";
  EXPECT_EQ(t.remap(at(20), 7, 7, kMoveTo, at(201)), -EFAULT);
  t.space.check();
  TestSpace old(kernel::Behaviour::linux_6_12());
  old.map(at(0), 2);
  old.map(at(2), 2, kProtRead);
  EXPECT_EQ(old.remap(at(0), 4, 4, kMoveTo, at(100)), -EFAULT);
}

TEST(MremapTest, SharedMemoryIsDoubledWithAnOldLengthOfZero) {
  TestSpace t;
  t.map(at(0), 4, kReadWrite, kMapShared | kMapAnonymous | kMapFixed);
  EXPECT_EQ(t.remap(at(0), 0, 4, kMoveTo, at(10)), place(10));
  EXPECT_EQ(t.areas(kBase), "0-4rw 10-14rw");
  EXPECT_EQ(t.space.find(at(10))->file, t.space.find(at(0))->file);
  t.space.check();
}

TEST(MremapTest, DontUnmapKeepsAnEmptySource) {
  TestSpace t;
  t.map(at(0), 4);
  t.fault(at(0));
  EXPECT_EQ(t.remap(at(0), 4, 4, kMremapMayMove | kMremapDontUnmap, 0),
            static_cast<std::int64_t>(kTop - 4 * kPage));
  EXPECT_EQ(t.space.find(at(0))->anon_vma.id, 0U);
  EXPECT_NE(t.space.find(kTop - 1)->anon_vma.id, 0U);
  EXPECT_EQ(t.committed.pages(), 8U);
  t.space.check();
}

TEST(MremapTest, LockedAreasArePopulatedWhereTheyGrow) {
  TestSpace t;
  t.map(at(0), 4, kReadWrite, kAnon | kMapFixed | kMapLocked);
  const Answer answer = t.space.mremap(at(0), 4 * kPage, 6 * kPage, 0, 0);
  ASSERT_EQ(answer.then.size(), 1U);
  EXPECT_EQ(answer.then[0], (FollowUp{FollowUp::Kind::Populate, {at(4), at(6)}}));
  EXPECT_EQ(t.space.totals().locked, 6U);
  EXPECT_EQ(t.remap(at(0), 6, 6, kMoveTo, at(20)), place(20));
  EXPECT_EQ(t.space.totals().locked, 6U);
}

// Of 6.18.44, found by the differential test.
TEST(MremapTest, AShrinkingMoveIsChargedForWhatItGaveUp) {
  TestSpace t;
  t.map(at(0), 8);
  EXPECT_EQ(t.remap(at(0), 8, 2, kMoveTo, at(20)), place(20));
  EXPECT_EQ(t.space.committed_pages(), 2U);
  EXPECT_EQ(t.committed.pages(), 8U) << "six that nobody gives back";
  const std::uint64_t all = test_limits().total_ram_pages;
  EXPECT_EQ(t.remap(at(20), 2 + all + 1, 2, kMoveTo, at(0)), -ENOMEM);
  TestSpace old(kernel::Behaviour::linux_6_12());
  old.map(at(0), 8);
  EXPECT_EQ(old.remap(at(0), 8, 2, kMoveTo, at(20)), place(20));
  EXPECT_EQ(old.committed.pages(), 2U);
}

// The counts of 6.18.44, wrong as they are.
TEST(MremapTest, DontUnmapOfLockedMemory) {
  TestSpace t;
  t.map(at(0), 8, kReadWrite, kAnon | kMapFixed | kMapLocked);
  EXPECT_EQ(t.remap(at(2), 2, 2, kMoveTo | kMremapDontUnmap, at(20)), place(20));
  EXPECT_EQ(t.areas(kBase), "0-8rw 20-22rw");
  EXPECT_EQ(t.space.find(at(0))->flags & kVmLocked, 0U);
  EXPECT_EQ(t.space.totals().locked, 10U);
  TestSpace tidy(kernel::Behaviour::linux_6_12());
  tidy.map(at(0), 8, kReadWrite, kAnon | kMapFixed | kMapLocked);
  EXPECT_EQ(tidy.remap(at(2), 2, 2, kMoveTo | kMremapDontUnmap, at(20)), place(20));
  EXPECT_EQ(tidy.areas(kBase), "0-2rw 2-4rw 4-8rw 20-22rw");
  EXPECT_EQ(tidy.space.totals().locked, 8U);
}

TEST(BrkTest, GrowsShrinksAndStaysWhereItMust) {
  Limits limits = test_limits();
  limits.data = 64 * kPage;
  TestSpace t(kernel::Behaviour::linux_6_18(), limits);
  const std::uint64_t start = test_layout().start_brk;
  const auto brk = [&](std::uint64_t bytes) {
    return static_cast<std::uint64_t>(t.space.brk(start + bytes).value) - start;
  };
  EXPECT_EQ(brk(100), 100U);
  EXPECT_EQ(brk(5000), 5000U);
  EXPECT_EQ(t.areas(start), "0-2rw");
  EXPECT_EQ(brk(9 * kPage), 9 * kPage);
  EXPECT_EQ(t.areas(start), "0-9rw");
  EXPECT_EQ(brk(65 * kPage), 9 * kPage) << "RLIMIT_DATA";
  EXPECT_EQ(t.space.brk(start - 1).value, static_cast<std::int64_t>(start + 9 * kPage));
  EXPECT_EQ(t.space.brk(0).value, static_cast<std::int64_t>(start + 9 * kPage));
  t.map(start + 20 * kPage, 1);
  EXPECT_EQ(brk(20 * kPage), 9 * kPage) << "a page must stay free";
  EXPECT_EQ(brk(19 * kPage), 19 * kPage);
  EXPECT_EQ(brk(2 * kPage), 2 * kPage);
  EXPECT_EQ(t.areas(start), "0-2rw 20-21rw");
  EXPECT_EQ(t.committed.pages(), 3U);
  // The heap does not grow into an area of other flags in its middle.
  t.protect(start + kPage, 1, kProtRead);
  EXPECT_EQ(brk(4 * kPage), 4 * kPage);
  EXPECT_EQ(t.areas(start), "0-1rw 1-2r- 2-4rw 20-21rw");
  t.space.check();
}

TEST(StackTest, GrowsDownToItsLimits) {
  Limits limits = test_limits();
  limits.stack = 1024 * kPage;
  TestSpace t(kernel::Behaviour::linux_6_18(), limits);
  t.map(at(2000), 4, kReadWrite, kAnon | kMapFixed | kMapGrowsDown);
  EXPECT_EQ(t.space.find_or_grow_stack(at(2004)), nullptr);
  Vma* stack = t.space.find_or_grow_stack(at(1990) + 5);
  ASSERT_NE(stack, nullptr);
  EXPECT_EQ(t.areas(kBase), "1990-2004rw");
  EXPECT_NE(stack->anon_vma.id, 0U);
  EXPECT_EQ(t.space.totals().stack, 14U);
  EXPECT_EQ(t.committed.pages(), 14U);
  EXPECT_EQ(t.space.find_or_grow_stack(at(979)), nullptr) << "RLIMIT_STACK";
  ASSERT_NE(t.space.find_or_grow_stack(at(980)), nullptr);
  t.map(at(700), 4);
  EXPECT_EQ(t.space.find_or_grow_stack(at(959)), nullptr) << "the guard gap";
  t.protect(at(700), 4, 0);
  limits.stack = kNoLimit;
  t.space.set_limits(limits);
  ASSERT_NE(t.space.find_or_grow_stack(at(950)), nullptr) << "none to what nobody can use";
  EXPECT_EQ(t.space.find_or_grow_stack(at(10)), nullptr);
  t.space.check();
}

TEST(ForkTest, WhatAChildGets) {
  TestSpace parent;
  parent.map(at(0), 4);
  parent.map(at(8), 4);
  parent.map(at(16), 4, kReadWrite, kAnon | kMapFixed | kMapLocked);
  parent.map(at(24), 4);
  parent.fault(at(24));
  EXPECT_EQ(parent.advise(at(8), 4, kAdviseDontFork), 0);
  EXPECT_EQ(parent.advise(at(24), 4, kAdviseWipeOnFork), 0);
  TestSpace world;
  {
    std::unique_ptr<AddressSpace> child = world.fork_of(parent);
    ASSERT_NE(child, nullptr);
    EXPECT_EQ(child->areas().size(), 3U);
    EXPECT_EQ(child->find(at(8)), nullptr);
    EXPECT_EQ(child->find(at(16))->flags & kVmLocked, 0U);
    EXPECT_EQ(child->totals().locked, 0U);
    EXPECT_EQ(child->find(at(24))->anon_vma.id, 0U);
    EXPECT_EQ(child->totals().total, 12U);
    EXPECT_EQ(parent.committed.pages(), 28U);
    child->check();
  }
  EXPECT_EQ(parent.committed.pages(), 16U);
}

TEST(ForkTest, IsRefusedWhereTheChildCannotBeCommitted) {
  Limits limits = test_limits();
  limits.overcommit = Overcommit::Never;
  limits.commit_limit_pages = 100;
  TestSpace parent(kernel::Behaviour::linux_6_18(), limits);
  parent.map(at(0), 30);
  parent.map(at(40), 30);
  TestSpace world;
  EXPECT_EQ(world.fork_of(parent), nullptr);
  EXPECT_EQ(parent.committed.pages(), 60U);
}

TEST(NarrationTest, SaysWhatWasDecided) {
  path::Path path;  // outlives the space, which tells its end too
  TestSpace t;
  t.narrator.listen(&path);
  t.map(0x600000000, 16, 0, kAnon | kMapNoReserve);
  std::string all;
  for (const path::Step& step : path.steps())
    all += std::string(step.function) + ": " + step.text + '\n';
  EXPECT_NE(all.find("get_unmapped_area: hint 0x600000000 is free → taken"), std::string::npos)
      << all;
  EXPECT_NE(all.find("NORESERVE → not charged"), std::string::npos) << all;
}

}  // namespace
}  // namespace ft::sim::virt
