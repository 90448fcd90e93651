// Geometries for tests: one array a level, so that closed forms hold.
#pragma once

#include "base/check.h"
#include "sim/tlb/tlb.h"

namespace ft::sim::tlb {

inline constexpr PageSizes kAll = {PageSize::Small, PageSize::Large, PageSize::Giant};

inline Geometry one_level(std::uint32_t entries, std::uint32_t ways,
                          Replacement replacement = Replacement::Lru,
                          SetIndex index = SetIndex::LowBits) {
  return {.name = "test",
          .l1 = {{.entries = entries,
                  .ways = ways,
                  .sizes = kAll,
                  .index = index,
                  .replacement = replacement}}};
}

inline Geometry two_levels(std::uint32_t l1, std::uint32_t l2, std::uint32_t l2_ways) {
  Geometry geometry = one_level(l1, l1);
  geometry.l2 = {{.entries = l2, .ways = l2_ways, .sizes = kAll}};
  return geometry;
}

// REQUIRES: the geometry is valid.
inline Tlb make_tlb(const Geometry& geometry) {
  Result<Tlb> tlb = Tlb::make(geometry);
  FT_CHECK(tlb);
  return std::move(*tlb);
}

}  // namespace ft::sim::tlb
