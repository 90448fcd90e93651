#include "sim/tlb/plru_array.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace ft::sim::tlb {

PlruArray::PlruArray(unsigned sets, unsigned ways)
    : ways_(ways), keys_(std::size_t{sets} * ways), trees_(sets), paths_(ways) {
  FT_CHECK(sets >= 1 && ways <= kMaxWays && std::has_single_bit(ways));
  for (unsigned way = 0; way < ways; ++way) {
    // From the leaf to the root: a left child's parent now points right (1), a right child's left.
    for (unsigned node = ways + way; node > 1; node /= 2) {
      const std::uint64_t parent = std::uint64_t{1} << (node / 2);
      paths_[way].clear |= parent;
      if (node % 2 == 0) paths_[way].set |= parent;
    }
  }
}

bool PlruArray::use(EntryKey key, std::size_t set) {
  unsigned way = find(key, set);
  const bool hit = way != ways_;
  if (!hit) {
    way = victim(set);
    key_at(set, way) = key;
  }
  trees_[set] = (trees_[set] & ~paths_[way].clear) | paths_[way].set;
  return hit;
}

unsigned PlruArray::find(EntryKey key, std::size_t set) const {
  unsigned way = 0;
  while (way < ways_ && key_at(set, way) != key) ++way;
  return way;
}

unsigned PlruArray::victim(std::size_t set) const {
  const unsigned free = find(EntryKey(), set);
  if (free != ways_) return free;
  unsigned node = 1;
  while (node < ways_) node = 2 * node + static_cast<unsigned>((trees_[set] >> node) & 1U);
  return node - ways_;
}

bool PlruArray::erase(EntryKey key, std::size_t set) {
  const unsigned way = find(key, set);
  if (way == ways_) return false;
  key_at(set, way) = EntryKey();
  return true;
}

void PlruArray::clear() {
  std::ranges::fill(keys_, EntryKey());
  std::ranges::fill(trees_, 0);
}

void PlruArray::check() const {
  for_each([&](EntryKey key, std::size_t set) {
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(set * ways_);
    FT_CHECK(std::count(first, first + ways_, key) == 1);
  });
}

}  // namespace ft::sim::tlb
