#include "sim/tlb/geometry.h"

#include <gtest/gtest.h>

#include <set>

#include "sim/tlb/small_tlbs.h"

namespace ft::sim::tlb {
namespace {

TEST(Cores, AreValidAndHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Geometry& core : cores()) {
    const auto valid = validate(core, core.name);
    EXPECT_TRUE(valid) << valid.error().message();
    EXPECT_NE(core.evidence, Evidence::Given) << core.name;
    EXPECT_TRUE(names.insert(core.name).second) << core.name;
    make_tlb(core).check();
  }
  EXPECT_EQ(names.size(), 14U);
}

TEST(Cores, ReachIsEntriesTimesPageSize) {
  const Geometry skylake = *core_named("skylake-sp");
  EXPECT_EQ(reach(skylake.l1, PageSize::Small), 256 * kKiB);
  EXPECT_EQ(reach(skylake.l2, PageSize::Small), 6 * kMiB);
  EXPECT_EQ(reach(skylake.l2, PageSize::Large), 3 * kGiB);
  EXPECT_EQ(reach(skylake.l2, PageSize::Giant), 16 * kGiB);
  EXPECT_EQ(reach(core_named("sapphire-rapids")->l2, PageSize::Small), 8 * kMiB);
  EXPECT_EQ(reach(core_named("sapphire-rapids")->l2, PageSize::Large), 2 * kGiB);
  EXPECT_EQ(reach(core_named("haswell")->l2, PageSize::Giant), 0U);
}

TEST(Cores, AnUnknownOneIsRefusedWithTheNamesOfAll) {
  const auto core = core_named("zen9");
  ASSERT_FALSE(core);
  EXPECT_EQ(core.error().what, "TLB geometry 'zen9'");
  EXPECT_NE(core.error().remedy.find("zen4, zen5"), std::string::npos);
}

TEST(Evidence, HasALetter) {
  EXPECT_EQ(letter_of(Evidence::Verified), 'V');
  EXPECT_EQ(letter_of(Evidence::FromMemory), 'M');
  EXPECT_EQ(letter_of(core_named("zen3")->evidence), 'M');
}

// What validate() says of a geometry that `spoil` has changed: the key, or "" where it is valid.
template <typename Spoil>
std::string refused(Spoil spoil) {
  Geometry geometry = two_levels(64, 1024, 8);
  spoil(geometry);
  const auto valid = validate(geometry);
  EXPECT_EQ(Tlb::make(geometry).has_value(), valid.has_value());
  return valid ? "" : valid.error().what;
}

TEST(Validate, NamesTheKeyOfNonsense) {
  EXPECT_EQ(refused([](Geometry&) {}), "");
  EXPECT_EQ(refused([](Geometry& g) { g.l1.clear(); }), "tlb.l1");
  EXPECT_EQ(refused([](Geometry& g) { g.l1[0].ways = 0; }), "tlb.l1[0].ways");
  EXPECT_EQ(refused([](Geometry& g) { g.l1[0].entries = 0; }), "tlb.l1[0].entries");
  EXPECT_EQ(refused([](Geometry& g) { g.l1[0].entries = 0xffffffff; }), "tlb.l1[0].entries");
  EXPECT_EQ(refused([](Geometry& g) { g.l1[0].ways = 65; }), "tlb.l1[0].ways");
  EXPECT_EQ(refused([](Geometry& g) { g.l1[0].ways = 48; }), "tlb.l1[0].ways");
  EXPECT_EQ(refused([](Geometry& g) { g.l1[0].sizes = {}; }), "tlb.l1[0].sizes");
  EXPECT_EQ(refused([](Geometry& g) { g.l2.push_back({.entries = 16, .ways = 0}); }),
            "tlb.l2[1].ways");
  EXPECT_EQ(refused([](Geometry& g) { g.l2.resize(3, g.l2[0]); }), "tlb.l2");
  EXPECT_EQ(refused([](Geometry& g) { g.walk_caches.pdpte = 0x7fffffff; }),
            "tlb.walk_caches.pdpte");
  EXPECT_EQ(refused([](Geometry& g) { g.nested = NestedPaging{.tlb_entries = 1U << 30U}; }),
            "tlb.nested.tlb_entries");
  EXPECT_EQ(refused([](Geometry& g) {
              g.nested = NestedPaging{};
              g.nested->walk_caches.pde = 1U << 30U;
            }),
            "tlb.nested.walk_caches.pde");
}

TEST(Validate, SetsMustBeAPowerOfTwoUnlessTheIndexTakesAny) {
  EXPECT_EQ(refused([](Geometry& g) { g.l2[0] = {.entries = 1536, .ways = 8, .sizes = kAll}; }),
            "tlb.l2[0].ways");
  EXPECT_EQ(refused([](Geometry& g) {
              g.l2[0] = {.entries = 1536, .ways = 8, .sizes = kAll, .index = SetIndex::Modulo};
            }),
            "");
  EXPECT_EQ(refused([](Geometry& g) {
              g.l2[0] = {.entries = 1536, .ways = 8, .sizes = kAll, .index = SetIndex::XorFold};
            }),
            "tlb.l2[0].ways");
}

TEST(Validate, PseudoLruTakesPowersOfTwo) {
  const auto with_ways = [](std::uint32_t entries, std::uint32_t ways) {
    return refused(
        [=](Geometry& g) { g.l2[0] = one_level(entries, ways, Replacement::TreePlru).l1[0]; });
  };
  EXPECT_EQ(with_ways(1024, 16), "");
  EXPECT_EQ(with_ways(64, 64), "");
  EXPECT_EQ(with_ways(1536, 12), "tlb.l2[0].replacement");
  EXPECT_EQ(with_ways(128, 128), "tlb.l2[0].replacement");
}

TEST(Validate, WhatL2DoesMustBePossible) {
  EXPECT_EQ(refused([](Geometry& g) { g.l2_splits_giant = true; }), "tlb.l2_splits_giant");
  EXPECT_EQ(refused([](Geometry& g) {
              g.l2.clear();
              g.l2_splits_giant = true;
            }),
            "tlb.l2_splits_giant");
  EXPECT_EQ(refused([](Geometry& g) {
              g.l2.clear();
              g.l2_holds_pdes = true;
            }),
            "tlb.l2_holds_pdes");
  EXPECT_EQ(refused([](Geometry& g) {
              g.l2_holds_pdes = true;
              g.walk_caches.pde = 8;
            }),
            "tlb.walk_caches.pde");
}

}  // namespace
}  // namespace ft::sim::tlb
