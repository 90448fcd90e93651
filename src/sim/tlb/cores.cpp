// The TLB geometries of current servers.
//
// Figures: vendors' optimisation guides and CPUID, and published microbenchmarks; each core's
// evidence says which. What no source states is named in `assumed`: the ways of an array then are
// such that its sets are a power of two. Paging-structure caches are assumed for all: tens of PDEs.
#include "sim/tlb/geometry.h"

namespace ft::sim::tlb {

namespace {

constexpr PageSizes k4K = {PageSize::Small};
constexpr PageSizes k2M = {PageSize::Large};
constexpr PageSizes k1G = {PageSize::Giant};
constexpr PageSizes k4K2M = {PageSize::Small, PageSize::Large};
constexpr PageSizes k4K1G = {PageSize::Small, PageSize::Giant};
constexpr PageSizes kAnySize = {PageSize::Small, PageSize::Large, PageSize::Giant};

constexpr WalkCacheShape kIntelWalkCaches = {.pde = 32, .pdpte = 4, .pml4e = 2, .pml5e = 2};
constexpr WalkCacheShape kZenWalkCaches = {.pde = 64, .pdpte = 16, .pml4e = 4, .pml5e = 2};
constexpr WalkCacheShape kZenUpperCaches = {.pde = 0, .pdpte = 32, .pml4e = 16, .pml5e = 2};
constexpr WalkCacheShape kArmWalkCaches = {.pde = 32, .pdpte = 8, .pml4e = 4, .pml5e = 0};

ArrayShape array(std::uint32_t entries, std::uint32_t ways, PageSizes sizes) {
  return {.entries = entries, .ways = ways, .sizes = sizes};
}
ArrayShape fully_associative(std::uint32_t entries, PageSizes sizes) {
  return array(entries, entries, sizes);
}

Geometry haswell() {
  return {.name = "haswell",
          .core = "Intel Haswell",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches",
          .l1 = {array(64, 4, k4K), array(32, 4, k2M), fully_associative(4, k1G)},
          .l2 = {array(1024, 8, k4K2M)},
          .walk_caches = kIntelWalkCaches};
}

Geometry broadwell() {
  return {.name = "broadwell",
          .core = "Intel Broadwell",
          .evidence = Evidence::FromMemory,
          .assumed = "paging-structure caches",
          .l1 = {array(64, 4, k4K), array(32, 4, k2M), fully_associative(4, k1G)},
          .l2 = {array(1536, 6, k4K2M), array(16, 4, k1G)},
          .walk_caches = kIntelWalkCaches};
}

Geometry skylake() {
  return {.name = "skylake-sp",
          .core = "Intel Skylake-SP, Cascade Lake-SP",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches, L2 1G ways",
          .l1 = {array(64, 4, k4K), array(32, 4, k2M), fully_associative(4, k1G)},
          .l2 = {array(1536, 12, k4K2M), array(16, 4, k1G)},
          .walk_caches = kIntelWalkCaches};
}

Geometry ice_lake() {
  return {.name = "ice-lake-sp",
          .core = "Intel Ice Lake-SP",
          .evidence = Evidence::FromMemory,
          .assumed = "paging-structure caches, L2 ways, which half a 4K page takes",
          .l1 = {array(64, 4, k4K), array(32, 4, k2M), fully_associative(8, k1G)},
          .l1_stores = {fully_associative(16, kAnySize)},
          .l2 = {array(1024, 8, k4K2M), array(1024, 8, k4K1G)},
          .walk_caches = kIntelWalkCaches};
}

Geometry sapphire_rapids() {
  return {.name = "sapphire-rapids",
          .core = "Intel Sapphire Rapids, Emerald Rapids",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches, L2 ways and halves as in Ice Lake",
          .l1 = {array(96, 6, k4K), array(32, 4, k2M), fully_associative(8, k1G)},
          .l1_stores = {fully_associative(16, kAnySize)},
          .l2 = {array(1024, 8, k4K2M), array(1024, 8, k4K1G)},
          .walk_caches = kIntelWalkCaches,
          .walkers = 4,
          .l2_hit_cycles = 7};
}

Geometry zen1() {
  return {.name = "zen1",
          .core = "AMD Zen 1",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches; L2 taken as plain 12-way, not skewed by size",
          .l1 = {fully_associative(64, kAnySize)},
          .l2 = {array(1536, 12, k4K2M)},
          .l2_splits_giant = true,
          .walk_caches = kZenWalkCaches};
}

Geometry zen2() {
  return {.name = "zen2",
          .core = "AMD Zen 2",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches above PDEs, L2 ways",
          .l1 = {fully_associative(64, kAnySize)},
          .l2 = {array(2048, 16, k4K2M)},
          .l2_splits_giant = true,
          .l2_holds_pdes = true,
          .walk_caches = kZenUpperCaches,
          .walkers = 2};
}

Geometry zen3() {
  return {.name = "zen3",
          .core = "AMD Zen 3",
          .evidence = Evidence::FromMemory,
          .assumed = "paging-structure caches above PDEs, L2 ways, PDEs in L2 as in Zen 2",
          .l1 = {fully_associative(64, kAnySize)},
          .l2 = {array(2048, 16, k4K2M)},
          .l2_splits_giant = true,
          .l2_holds_pdes = true,
          .walk_caches = kZenUpperCaches,
          .walkers = 6};
}

// Entries: CPUID 80000005h and 80000006h of an EPYC of family 19h, model 11h.
Geometry zen4() {
  return {.name = "zen4",
          .core = "AMD Zen 4",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches above PDEs, L2 ways, PDEs in L2 as in Zen 2",
          .l1 = {fully_associative(72, kAnySize)},
          .l2 = {array(3072, 24, k4K2M)},
          .l2_splits_giant = true,
          .l2_holds_pdes = true,
          .walk_caches = kZenUpperCaches,
          .walkers = 6};
}

Geometry zen5() {
  return {.name = "zen5",
          .core = "AMD Zen 5",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches above PDEs, PDEs in L2 as in Zen 2",
          .l1 = {fully_associative(96, kAnySize)},
          .l2 = {array(4096, 16, k4K2M)},
          .l2_splits_giant = true,
          .l2_holds_pdes = true,
          .walk_caches = kZenUpperCaches,
          .l2_hit_cycles = 7};
}

Geometry neoverse_n1() {
  return {.name = "neoverse-n1",
          .core = "Arm Neoverse N1",
          .evidence = Evidence::FromMemory,
          .assumed = "paging-structure caches",
          .l1 = {fully_associative(48, kAnySize)},
          .l2 = {array(1280, 5, kAnySize)},
          .walk_caches = kArmWalkCaches};
}

Geometry neoverse_v1() {
  return {.name = "neoverse-v1",
          .core = "Arm Neoverse V1",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches, L2 ways and sizes",
          .l1 = {fully_associative(40, kAnySize)},
          .l2 = {array(2048, 8, kAnySize)},
          .walk_caches = kArmWalkCaches};
}

Geometry neoverse_v2() {
  return {.name = "neoverse-v2",
          .core = "Arm Neoverse V2",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches, L2 sizes",
          .l1 = {fully_associative(48, kAnySize)},
          .l2 = {array(2048, 8, kAnySize)},
          .walk_caches = kArmWalkCaches,
          .l2_hit_cycles = 6};
}

Geometry neoverse_v3() {
  return {.name = "neoverse-v3",
          .core = "Arm Neoverse V3",
          .evidence = Evidence::Verified,
          .assumed = "paging-structure caches, L2 ways and sizes",
          .l1 = {fully_associative(96, kAnySize)},
          .l2 = {array(2048, 8, kAnySize)},
          .walk_caches = kArmWalkCaches,
          .l2_hit_cycles = 6};
}

}  // namespace

const std::vector<Geometry>& cores() {
  static const std::vector<Geometry> all = {
      haswell(),     broadwell(),   skylake(),     ice_lake(),   sapphire_rapids(),
      zen1(),        zen2(),        zen3(),        zen4(),       zen5(),
      neoverse_n1(), neoverse_v1(), neoverse_v2(), neoverse_v3()};
  return all;
}

}  // namespace ft::sim::tlb
