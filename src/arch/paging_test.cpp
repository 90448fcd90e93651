#include "arch/paging.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace ft::arch {
namespace {

TEST(Paging, HeapOf8GiBAt24GiBStartsInTheFirstTopEntry) {
  // What documents get wrong: the top index of 0x600000000 is 0, not 12.
  const Indices four = split(0x600000000, Levels::Four);
  EXPECT_EQ(four, (Indices{.pgd = 0, .p4d = 0, .pud = 24, .pmd = 0, .pte = 0, .offset = 0}));
  EXPECT_EQ(split(0x600000000, Levels::Five), four);
}

TEST(Paging, IndicesOfAnOrdinaryAddress) {
  const Indices at = split(0x7f6a69c3e123, Levels::Four);
  EXPECT_EQ(at.pgd, 0x7f6a69c3e123 / (512ULL << 30U));
  EXPECT_EQ(at.offset, 0x123U);
  EXPECT_EQ(join(at, Levels::Four), 0x7f6a69c3e123U);
}

TEST(Paging, FiveLevelsReachHigher) {
  const Indices at = split(0x00ff'ffff'ffff'f000, Levels::Five);
  EXPECT_EQ(at, (Indices{.pgd = 255, .p4d = 511, .pud = 511, .pmd = 511, .pte = 511, .offset = 0}));
  EXPECT_TRUE(is_canonical(0x00ff'ffff'ffff'f000, Levels::Five));
  EXPECT_FALSE(is_canonical(0x00ff'ffff'ffff'f000, Levels::Four));
}

TEST(Paging, TheHoleIsNotCanonical) {
  EXPECT_TRUE(is_canonical(0x7fff'ffff'ffff, Levels::Four));
  EXPECT_FALSE(is_canonical(0x8000'0000'0000, Levels::Four));
  EXPECT_TRUE(is_canonical(0xffff'8000'0000'0000, Levels::Four));
  EXPECT_FALSE(is_canonical(0xffff'7fff'ffff'ffff, Levels::Four));
  EXPECT_TRUE(is_canonical(~0ULL, Levels::Four));
  EXPECT_EQ(user_end(Levels::Four), 0x7fff'ffff'f000U);
}

TEST(Paging, PopulatedHeapNeeds4105Tables) {
  const AddressRange heap = AddressRange::of_size(0x600000000, 8 * kGiB);
  const TableNeed small = tables_for(heap, Level::Pte, Levels::Four);
  EXPECT_EQ(small, (TableNeed{.pte = 4096, .pmd = 8, .pud = 1}));
  EXPECT_EQ(small.total(), 4105U);
  EXPECT_EQ(small.vm_pte_bytes(), 16'420 * kKiB);  // as measured
  EXPECT_EQ(tables_for(heap, Level::Pmd, Levels::Four).vm_pte_bytes(), 36 * kKiB);
  EXPECT_EQ(tables_for(heap, Level::Pud, Levels::Four).vm_pte_bytes(), 4 * kKiB);
}

TEST(Paging, TheFifthLevelsTableIsCountedNowhere) {
  const TableNeed need = tables_for({0x1000, 0x2000}, Level::Pte, Levels::Five);
  EXPECT_EQ(need, (TableNeed{.pte = 1, .pmd = 1, .pud = 1, .p4d = 1}));
  EXPECT_EQ(need.vm_pte_bytes(), 12 * kKiB);
}

TEST(Paging, NothingNeedsNoTables) {
  EXPECT_EQ(tables_for({0x1000, 0x1000}, Level::Pte, Levels::Four), TableNeed{});
}

TEST(Paging, NamesOfLevels) {
  for (const Level level : {Level::Pte, Level::Pmd, Level::Pud, Level::P4d, Level::Pgd}) {
    EXPECT_EQ(level_named(name_of(level)), level);
  }
  EXPECT_EQ(level_named("PTE"), std::nullopt);
  EXPECT_EQ(level_named(""), std::nullopt);
}

RC_GTEST_PROP(PagingProperty, SplitAndJoinAreInverse, (std::uint64_t address, bool five)) {
  const Levels levels = five ? Levels::Five : Levels::Four;
  const std::uint64_t joined = join(split(address, levels), levels);
  RC_ASSERT(is_canonical(joined, levels));
  // The bits that are translated come back; the rest is the sign.
  RC_ASSERT(((joined ^ address) << (64 - address_bits(levels))) == 0U);
  RC_ASSERT(!is_canonical(address, levels) || joined == address);
}

// Against counting: which blocks do the range's pages fall into?
RC_GTEST_PROP(PagingProperty, TablesAreTheDistinctPrefixes, ()) {
  const auto start = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 30U);
  const auto pages = *rc::gen::inRange<std::uint64_t>(1, 2000);
  const std::uint64_t base = *rc::gen::element<std::uint64_t>(0, 511ULL << 30U, 0x7fff00000000);
  const AddressRange range = AddressRange::of_size(base + page_floor(start), pages * kPageSize);
  std::set<std::uint64_t> pte;
  std::set<std::uint64_t> pmd;
  std::set<std::uint64_t> pud;
  for (std::uint64_t at = range.start; at < range.end; at += kPageSize) {
    pte.insert(at >> 21U);
    pmd.insert(at >> 30U);
    pud.insert(at >> 39U);
  }
  const TableNeed need = tables_for(range, Level::Pte, Levels::Four);
  RC_ASSERT(need == (TableNeed{.pte = pte.size(), .pmd = pmd.size(), .pud = pud.size()}));
}

}  // namespace
}  // namespace ft::arch
