// Which set of an array an entry belongs to.
#pragma once

#include <bit>
#include <cstdint>

#include "sim/tlb/entry_key.h"
#include "sim/tlb/geometry.h"

namespace ft::sim::tlb {

inline constexpr unsigned kNoFold = 63;

// Of SetIndex::LowBits and XorFold; LowBits is XorFold with nothing left to fold in.
struct SetMasks {
  std::uint64_t mask = 0;
  unsigned fold = kNoFold;

  // REQUIRES: the number of sets is a power of two.
  static SetMasks of(const ArrayShape& shape) {
    const std::uint64_t mask = shape.sets() - 1U;
    const bool folds = shape.index == SetIndex::XorFold;
    return {.mask = mask, .fold = folds ? static_cast<unsigned>(std::bit_width(mask)) : kNoFold};
  }

  std::size_t set_of(EntryKey key) const { return (key.number() ^ (key.number() >> fold)) & mask; }
};

}  // namespace ft::sim::tlb
