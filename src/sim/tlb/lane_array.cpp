#include "sim/tlb/lane_array.h"

#include <algorithm>
#include <bitset>

#include "base/check.h"

namespace ft::sim::tlb {

LaneArray::LaneArray(unsigned sets, unsigned ways)
    : sets_(sets),
      ways_(ways),
      vectors_((ways + kLanes - 1) / kLanes),
      stride_(vectors_ * kLanes),
      tags_(sets_ * vectors_),
      order_(sets_ * vectors_),
      keys_(sets_ * stride_) {
  FT_CHECK(sets >= 1 && ways >= 1 && ways <= kMaxWays);
  reset_order();
}

void LaneArray::reset_order() {
  for (std::size_t set = 0; set < sets_; ++set) {
    for (unsigned place = 0; place < ways_; ++place)
      way_at(set, place) = static_cast<std::uint8_t>(place);
  }
}

unsigned LaneArray::find(EntryKey key, std::size_t set) const {
  unsigned place = 0;
  while (place < ways_ && key_at(set, place) != key) ++place;
  return place;
}

bool LaneArray::erase(EntryKey key, std::size_t set) {
  const unsigned place = find(key, set);
  if (place == ways_) return false;
  erase_place(set, place);
  return true;
}

// The way goes to the end of the order, so that it is filled first.
void LaneArray::erase_place(std::size_t set, unsigned place) {
  const std::uint8_t way = way_at(set, place);
  keys_[set * stride_ + way] = EntryKey();
  for (; place + 1 < ways_; ++place) {
    way_at(set, place) = way_at(set, place + 1);
    tag_at(set, place) = tag_at(set, place + 1);
  }
  way_at(set, place) = way;
}

void LaneArray::clear() {
  std::ranges::fill(keys_, EntryKey());
  reset_order();
}

void LaneArray::check() const {
  for (std::size_t set = 0; set < sets_; ++set) {
    std::bitset<kMaxWays> seen;
    bool free_seen = false;
    for (unsigned place = 0; place < ways_; ++place) {
      const unsigned way = way_at(set, place);
      FT_CHECK(way < ways_ && !seen[way]);
      seen.set(way);
      const EntryKey key = key_at(set, place);
      free_seen = free_seen || !key.valid();
      if (!key.valid()) continue;
      FT_CHECK(!free_seen);
      FT_CHECK(tag_at(set, place) == tag_of(key));
      FT_CHECK(find(key, set) == place);  // held once
    }
  }
}

}  // namespace ft::sim::tlb
