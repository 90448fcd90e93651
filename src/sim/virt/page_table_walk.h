// How the parts of PageTable walk its tree. For the .cpp files of PageTable only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/virt/page_table.h"

namespace ft::sim::virt {

constexpr unsigned index_of(std::uint64_t address, unsigned shift) {
  return static_cast<unsigned>(address >> shift) % TablePage::kEntries;
}

// The page of `address` within the block that an entry of level `shift` maps.
constexpr std::uint64_t index_within(std::uint64_t address, unsigned shift) {
  return (address & ((std::uint64_t{1} << shift) - 1)) >> kPageShift;
}

// The end of the block of 2^shift bytes that holds `address`.
constexpr std::uint64_t block_end(std::uint64_t address, unsigned shift) {
  return (address | ((std::uint64_t{1} << shift) - 1)) + 1;
}
constexpr std::uint64_t block_start(std::uint64_t address, unsigned shift) {
  return address >> shift << shift;
}

// Of an entry above the pte level: it maps a page instead of pointing to a table. PROT_NONE keeps
// the bit.
constexpr bool is_leaf(Entry entry) {
  return (entry & kLarge) != 0;
}

// Calls visit(pmd, part) for each pmd entry of the range whose table is there, 0 or not, with the
// part of the range it covers. The visitor may change the entry and free what is below.
template <typename Visit>
void PageTable::for_each_pmd(AddressRange range, Visit visit) const {
  for (std::uint64_t at = range.start; at < range.end;) {
    const Missing found = descend(at, kPmdShift);
    const std::uint64_t stop = std::min(block_end(at, found.shift), range.end);
    if (found.slot != nullptr) visit(*found.slot, AddressRange{at, stop});
    at = stop;
  }
}

}  // namespace ft::sim::virt
