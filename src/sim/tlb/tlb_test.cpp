#include "sim/tlb/tlb.h"

#include <gtest/gtest.h>

#include "sim/tlb/small_tlbs.h"

namespace ft::sim::tlb {
namespace {

constexpr std::uint64_t kHeap = 0x600000000;

std::uint64_t page(std::uint64_t number) {
  return kHeap + number * kPageSize;
}

TEST(Tlb, AHitFollowsAWalkAndAnL2HitFillsL1) {
  Tlb tlb = make_tlb(two_levels(2, 8, 8));
  EXPECT_EQ(tlb.access(page(0), PageSize::Small), (Lookup{FoundIn::PageTables, 4}));
  EXPECT_EQ(tlb.access(page(0) + 4095, PageSize::Small), (Lookup{FoundIn::L1, 0}));
  tlb.access(page(1), PageSize::Small);
  tlb.access(page(2), PageSize::Small);  // page 0 leaves L1
  EXPECT_FALSE(tlb.holds(TlbLevel::L1, 0, page(0), PageSize::Small));
  EXPECT_EQ(tlb.access(page(0), PageSize::Small), (Lookup{FoundIn::L2, 0}));
  EXPECT_EQ(tlb.access(page(0), PageSize::Small), (Lookup{FoundIn::L1, 0}));
  tlb.check();
  EXPECT_EQ(tlb.counts().lookups(), 6U);
  EXPECT_EQ(tlb.counts().misses(), 3U);
  EXPECT_EQ(tlb.counts().guest_loads(), 12U);
}

TEST(Tlb, PagesOfEachSizeAreDifferentEntries) {
  Tlb tlb = make_tlb(one_level(8, 8));
  EXPECT_EQ(tlb.access(kHeap, PageSize::Small).loads, 4);
  EXPECT_EQ(tlb.access(kHeap, PageSize::Large).loads, 3);
  EXPECT_EQ(tlb.access(kHeap, PageSize::Giant).loads, 2);
  EXPECT_EQ(tlb.entries(TlbLevel::L1), 3U);
  EXPECT_EQ(tlb.access(kHeap + kHugePageSize - 1, PageSize::Large).found, FoundIn::L1);
  EXPECT_EQ(tlb.access(kHeap + kGiB - 1, PageSize::Giant).found, FoundIn::L1);
  EXPECT_EQ(tlb.counts().misses(PageSize::Large), 1U);
}

TEST(Tlb, ASizeThatNoArrayHoldsIsWalkedForEachTime) {
  Geometry geometry = one_level(8, 8);
  geometry.l1[0].sizes = {PageSize::Small};
  Tlb tlb = make_tlb(geometry);
  EXPECT_EQ(tlb.access(kHeap, PageSize::Giant).found, FoundIn::PageTables);
  EXPECT_EQ(tlb.access(kHeap, PageSize::Giant).found, FoundIn::PageTables);
  EXPECT_EQ(tlb.entries(TlbLevel::L1), 0U);
}

TEST(Tlb, StoresHaveAFirstLevelOfTheirOwnWhereTheCoreHas) {
  Geometry geometry = two_levels(4, 16, 16);
  geometry.l1_stores = {{.entries = 2, .ways = 2, .sizes = kAll}};
  Tlb tlb = make_tlb(geometry);
  tlb.access(page(0), PageSize::Small, DataAccess::Load);
  EXPECT_EQ(tlb.access(page(0), PageSize::Small, DataAccess::Store).found, FoundIn::L2);
  EXPECT_EQ(tlb.access(page(0), PageSize::Small, DataAccess::Store).found, FoundIn::L1);
  EXPECT_EQ(tlb.entries(TlbLevel::L1Stores), 1U);
  EXPECT_EQ(tlb.capacity(TlbLevel::L1Stores), 2U);
}

TEST(Tlb, AGiantPageTakesSeveralL2EntriesWhereTheCoreSplitsIt) {
  Geometry geometry = two_levels(1, 16, 16);
  geometry.l2[0].sizes = {PageSize::Small, PageSize::Large};
  geometry.l2_splits_giant = true;
  Tlb tlb = make_tlb(geometry);
  EXPECT_EQ(tlb.access(kHeap, PageSize::Giant).found, FoundIn::PageTables);
  EXPECT_EQ(tlb.access(kHeap + 5 * kHugePageSize, PageSize::Giant).found, FoundIn::L1);
  tlb.access(0, PageSize::Small);  // takes the only place in L1
  EXPECT_EQ(tlb.access(kHeap + 5 * kHugePageSize, PageSize::Giant).found, FoundIn::PageTables);
  tlb.access(0, PageSize::Small);
  EXPECT_EQ(tlb.access(kHeap, PageSize::Giant).found, FoundIn::L2);
  EXPECT_EQ(tlb.entries(TlbLevel::L2), 3U);

  tlb.invalidate_page(0, kHeap + kGiB / 2, PageSize::Giant);
  EXPECT_EQ(tlb.entries(TlbLevel::L2), 1U);  // both parts are gone
  EXPECT_EQ(tlb.access(kHeap, PageSize::Giant).found, FoundIn::PageTables);
  tlb.check();
}

// ---- address spaces and invalidation -----------------------------------------------------------

TEST(Tlb, AddressSpacesDoNotSeeEachOthersEntries) {
  Tlb tlb = make_tlb(two_levels(4, 16, 16));
  tlb.access(page(0), PageSize::Small);
  tlb.switch_to(7);
  EXPECT_EQ(tlb.access(page(0), PageSize::Small).found, FoundIn::PageTables);
  tlb.switch_to(0);
  EXPECT_EQ(tlb.access(page(0), PageSize::Small).found, FoundIn::L1);
  tlb.invalidate_asid(7);
  EXPECT_FALSE(tlb.holds(TlbLevel::L2, 7, page(0), PageSize::Small));
  EXPECT_TRUE(tlb.holds(TlbLevel::L2, 0, page(0), PageSize::Small));
  EXPECT_EQ(tlb.counts().invalidated, 2U);
  tlb.invalidate_all();
  EXPECT_EQ(tlb.entries(TlbLevel::L1) + tlb.entries(TlbLevel::L2), 0U);
}

TEST(Tlb, ARangeDropsWhatOverlapsItAndNothingElse) {
  for (const std::uint64_t pages : {std::uint64_t{2}, std::uint64_t{1000}}) {  // probed, searched
    Tlb tlb = make_tlb(one_level(64, 64));
    tlb.access(page(9), PageSize::Small);
    tlb.access(page(10), PageSize::Small);
    tlb.access(page(9 + pages), PageSize::Small);
    tlb.access(page(10 + pages), PageSize::Small);
    tlb.access(kHeap, PageSize::Large);
    tlb.access(kHeap + kHugePageSize * 8, PageSize::Large);
    tlb.switch_to(1);
    tlb.access(page(10), PageSize::Small);
    tlb.invalidate_range(0, AddressRange::of_size(page(10), pages * kPageSize));
    EXPECT_TRUE(tlb.holds(TlbLevel::L1, 0, page(9), PageSize::Small));
    EXPECT_FALSE(tlb.holds(TlbLevel::L1, 0, page(10), PageSize::Small));
    EXPECT_FALSE(tlb.holds(TlbLevel::L1, 0, page(9 + pages), PageSize::Small));
    EXPECT_TRUE(tlb.holds(TlbLevel::L1, 0, page(10 + pages), PageSize::Small));
    EXPECT_FALSE(tlb.holds(TlbLevel::L1, 0, kHeap, PageSize::Large));
    EXPECT_TRUE(tlb.holds(TlbLevel::L1, 0, kHeap + kHugePageSize * 8, PageSize::Large));
    EXPECT_TRUE(tlb.holds(TlbLevel::L1, 1, page(10), PageSize::Small));
    tlb.check();
  }
}

TEST(Tlb, ARangeOfAllAddressesDropsAllOfTheAddressSpace) {
  Tlb tlb = make_tlb(one_level(64, 64));
  tlb.access(0, PageSize::Small);
  tlb.access(0xffffffff80000000, PageSize::Large);
  tlb.invalidate_range(0, {0, ~std::uint64_t{0}});
  EXPECT_EQ(tlb.entries(TlbLevel::L1), 0U);
}

// ---- walks -------------------------------------------------------------------------------------

TEST(Walk, PagingStructureCachesShortenIt) {
  Geometry geometry = one_level(1, 1);
  geometry.walk_caches = {.pde = 2, .pdpte = 2, .pml4e = 2};
  Tlb tlb = make_tlb(geometry);
  EXPECT_EQ(tlb.access(0, PageSize::Small).loads, 4);
  EXPECT_EQ(tlb.access(kPageSize, PageSize::Small).loads, 1);
  EXPECT_EQ(tlb.access(kHugePageSize, PageSize::Small).loads, 2);
  EXPECT_EQ(tlb.access(kGiB, PageSize::Small).loads, 3);
  EXPECT_EQ(tlb.access(512 * kGiB, PageSize::Small).loads, 4);
  EXPECT_EQ(tlb.access(kGiB + kHugePageSize, PageSize::Large).loads, 1);
  EXPECT_EQ(tlb.access(2 * kGiB, PageSize::Giant).loads, 1);
  // Two PDEs were used since: the first one's is gone, its PDPTE too, the PML4E is there.
  EXPECT_EQ(tlb.access(0, PageSize::Small).loads, 3);
  const Counts& counts = tlb.counts();
  EXPECT_EQ(counts.loads_of(0), 6U);       // each of a small page
  EXPECT_EQ(counts.loads_of(1), 5U + 1U);  // but one of them, and the large one
  EXPECT_EQ(counts.loads_of(2), 4U + 1U);  // 4, 3, 4 and 3 loads, and the giant
  EXPECT_EQ(counts.loads_of(3), 2U);
  EXPECT_EQ(counts.guest_loads(), 19U);
  tlb.check();
}

TEST(Walk, FiveLevelsTakeOneLoadMore) {
  Geometry geometry = one_level(1, 1);
  geometry.levels = arch::Levels::Five;
  Tlb tlb = make_tlb(geometry);
  EXPECT_EQ(tlb.access(0, PageSize::Small).loads, 5);
  EXPECT_EQ(tlb.access(0, PageSize::Giant).loads, 3);
}

TEST(Walk, AnInvalidatedPageTakesUpperEntriesWithIt) {
  for (const UpperInvalidation upper : {UpperInvalidation::AddressSpace, UpperInvalidation::Path}) {
    Geometry geometry = one_level(4, 4);
    geometry.walk_caches = {.pde = 8, .pdpte = 8, .pml4e = 8};
    geometry.upper_invalidation = upper;
    Tlb tlb = make_tlb(geometry);
    tlb.access(0, PageSize::Small);
    tlb.access(64 * kGiB * 512, PageSize::Small);
    tlb.invalidate_page(0, 0, PageSize::Small);
    EXPECT_EQ(tlb.access(0, PageSize::Small).loads, 4);
    const bool others_stay = upper == UpperInvalidation::Path;
    EXPECT_EQ(tlb.access(64 * kGiB * 512 + kPageSize, PageSize::Small).loads, others_stay ? 1 : 4);
    tlb.check();
  }
}

TEST(Walk, PdesInL2CompeteWithPages) {
  Geometry geometry = two_levels(1, 4, 4);
  geometry.l2_holds_pdes = true;
  Tlb tlb = make_tlb(geometry);
  EXPECT_EQ(tlb.access(page(0), PageSize::Small).loads, 4);
  EXPECT_EQ(tlb.entries(TlbLevel::L2), 2U);
  EXPECT_EQ(tlb.access(page(1), PageSize::Small).loads, 1);
  for (int i = 0; i < 4; ++i) tlb.access(kHeap + 4 * kGiB, PageSize::Large);
  tlb.check();
  tlb.invalidate_page(0, page(0), PageSize::Small);
  EXPECT_EQ(tlb.access(page(2), PageSize::Small).loads, 4);
  tlb.invalidate_all();
  EXPECT_EQ(tlb.entries(TlbLevel::L2), 0U);
}

// ---- virtual machines --------------------------------------------------------------------------

TEST(NestedWalk, TakesTwentyFourLoadsWithoutCaches) {
  Geometry geometry = one_level(1, 1);
  geometry.nested = NestedPaging{};
  Tlb tlb = make_tlb(geometry);
  EXPECT_EQ(tlb.access(kHeap, PageSize::Small).loads, 24);
  EXPECT_EQ(tlb.counts().guest_loads(), 4U);
  EXPECT_EQ(tlb.counts().nested_loads, 20U);

  geometry.levels = arch::Levels::Five;
  geometry.nested->levels = arch::Levels::Five;
  EXPECT_EQ(make_tlb(geometry).access(kHeap, PageSize::Small).loads, 35);
}

TEST(NestedWalk, LargerPagesOnEitherSideShortenIt) {
  Geometry geometry = one_level(1, 1);
  geometry.nested = NestedPaging{.page_size = PageSize::Large};
  EXPECT_EQ(make_tlb(geometry).access(kHeap, PageSize::Small).loads, 4 + 5 * 3);
  EXPECT_EQ(make_tlb(geometry).access(kHeap, PageSize::Large).loads, 3 + 4 * 3);
}

TEST(NestedWalk, APdeHitLeavesOneLoadAndTheHostsWalkForThePage) {
  Geometry geometry = one_level(1, 1);
  geometry.walk_caches = {.pde = 4};
  geometry.nested = NestedPaging{};
  Tlb tlb = make_tlb(geometry);
  tlb.access(page(0), PageSize::Small);
  EXPECT_EQ(tlb.access(page(1), PageSize::Small).loads, 1 + 4);
}

TEST(NestedWalk, HostCachesLeaveTheGuestsLoadsOnly) {
  Geometry geometry = one_level(1, 1);
  geometry.nested = NestedPaging{.tlb_entries = 64};
  Tlb tlb = make_tlb(geometry);
  tlb.access(page(0), PageSize::Small);
  tlb.access(page(1), PageSize::Small);
  EXPECT_EQ(tlb.access(page(0), PageSize::Small).loads, 4);
  tlb.check();
}

TEST(NestedWalk, EntriesSpanTheSmallerPage) {
  Geometry geometry = one_level(8, 8);
  geometry.nested = NestedPaging{.page_size = PageSize::Small};
  Tlb tlb = make_tlb(geometry);
  tlb.access(kHeap, PageSize::Large);
  EXPECT_EQ(tlb.access(kHeap + kPageSize, PageSize::Large).found, FoundIn::PageTables);
  EXPECT_EQ(tlb.entries(TlbLevel::L1), 2U);
  tlb.invalidate_page(0, kHeap + 17 * kPageSize, PageSize::Large);
  EXPECT_EQ(tlb.entries(TlbLevel::L1), 0U);
}

// ---- costs -------------------------------------------------------------------------------------

TEST(Costs, CyclesAreCountsTimesCosts) {
  Counts counts;
  counts.l1_hits = {100, 0, 0};
  counts.l2_hits = {10, 1, 0};
  counts.walks[0][1] = 3;
  counts.walks[1][2] = 2;  // a PDE and a PDPTE each
  counts.nested_loads = 4;
  const CostTable costs = {.l2_hit = 7, .walk = 20, .load = {30, 5, 3, 2, 1}, .nested_load = 11};
  EXPECT_DOUBLE_EQ(cycles(counts, costs), 11 * 7 + 5 * 20 + 3 * 30 + 2 * 5 + 2 * 3 + 4 * 11);
}

TEST(Costs, NegativeAndEndlessOnesAreRefusedByName) {
  CostTable costs;
  EXPECT_TRUE(validate(costs));
  costs.load[2] = -1;
  EXPECT_EQ(validate(costs).error().what, "cost.tlb.load[2]");
  costs = {.l2_hit = 1.0 / 0.0};
  EXPECT_EQ(validate(costs, "machine.cost").error().what, "machine.cost.l2_hit");
}

}  // namespace
}  // namespace ft::sim::tlb
