#include "sim/tlb/lane_array.h"

#include <algorithm>
#include <bitset>

#include "base/check.h"

namespace ft::sim::tlb {

namespace {

// One, two or four, so that the code for each can be its own.
constexpr unsigned vectors_for(unsigned ways) {
  return std::bit_ceil((ways + kLanes - 1) / kLanes);
}

}  // namespace

LaneArray::LaneArray(unsigned sets, unsigned ways, Replacement replacement)
    : sets_(sets),
      ways_(ways),
      vectors_(vectors_for(ways)),
      stride_(vectors_ * kLanes),
      replacement_(replacement),
      tags_(sets_ * vectors_),
      keys_(sets_ * stride_) {
  FT_CHECK(sets >= 1 && ways >= 1 && ways <= kMaxWays);
  if (replacement == Replacement::Lru) {
    ages_.resize(sets_ * vectors_);
    reset_ages();
    return;
  }
  FT_CHECK(std::has_single_bit(ways));
  plru_.resize(sets_);
  plru_paths_.resize(ways);
  for (unsigned way = 0; way < ways; ++way) {
    // From the leaf to the root: a left child's parent now points right (1), a right child's left.
    for (unsigned node = ways + way; node > 1; node /= 2) {
      const std::uint64_t parent = std::uint64_t{1} << (node / 2);
      plru_paths_[way].clear |= parent;
      if (node % 2 == 0) plru_paths_[way].set |= parent;
    }
  }
}

void LaneArray::reset_ages() {
  for (std::size_t set = 0; set < sets_ && !ages_.empty(); ++set) {
    for (unsigned way = 0; way < stride_; ++way) {
      age_at(set, way) = way < ways_ ? static_cast<std::uint8_t>(way) : kPaddingAge;
    }
  }
}

bool LaneArray::use_plru(EntryKey key, std::size_t set) {
  unsigned way = find(key, set);
  const bool hit = way != kNoWay;
  if (!hit) {
    way = plru_victim(set);
    key_at(set, way) = key;
    tags_[set * vectors_ + way / kLanes].bytes[way % kLanes] = tag_of(key.hash());
  }
  plru_[set] = (plru_[set] & ~plru_paths_[way].clear) | plru_paths_[way].set;
  return hit;
}

// A free way if there is one, else the one all bits of the tree lead to.
unsigned LaneArray::plru_victim(std::size_t set) const {
  for (unsigned way = 0; way < ways_; ++way) {
    if (!key_at(set, way).valid()) return way;
  }
  unsigned node = 1;
  while (node < ways_) node = 2 * node + static_cast<unsigned>((plru_[set] >> node) & 1U);
  return node - ways_;
}

bool LaneArray::erase(EntryKey key, std::size_t set) {
  const unsigned way = find(key, set);
  if (way == kNoWay) return false;
  erase_way(set, way);
  return true;
}

// The way becomes the oldest of its set, so that it is filled first.
void LaneArray::erase_way(std::size_t set, unsigned way) {
  key_at(set, way) = EntryKey();
  if (replacement_ != Replacement::Lru) return;
  const std::uint8_t age = age_at(set, way);
  for (unsigned other = 0; other < ways_; ++other) {
    if (age_at(set, other) > age) --age_at(set, other);
  }
  age_at(set, way) = static_cast<std::uint8_t>(ways_ - 1);
}

void LaneArray::clear() {
  std::ranges::fill(keys_, EntryKey());
  std::ranges::fill(plru_, 0);
  reset_ages();
}

void LaneArray::check() const {
  for (std::size_t set = 0; set < sets_; ++set) {
    for (unsigned way = 0; way < stride_; ++way) {
      const EntryKey key = key_at(set, way);
      if (!key.valid()) continue;
      FT_CHECK(way < ways_);
      FT_CHECK(tags_[set * vectors_ + way / kLanes].bytes[way % kLanes] == tag_of(key.hash()));
      for (unsigned other = 0; other < way; ++other) FT_CHECK(key_at(set, other) != key);
    }
    if (replacement_ == Replacement::Lru) check_ages(set);
  }
}

void LaneArray::check_ages(std::size_t set) const {
  const auto age_of = [&](unsigned way) {
    return ages_[set * vectors_ + way / kLanes].bytes[way % kLanes];
  };
  std::bitset<kMaxWays> seen;
  unsigned youngest_free = ways_;
  unsigned oldest_used = 0;
  for (unsigned way = 0; way < ways_; ++way) {
    const unsigned age = age_of(way);
    FT_CHECK(age < ways_ && !seen[age]);
    seen.set(age);
    if (key_at(set, way).valid()) {
      oldest_used = std::max(oldest_used, age + 1);
    } else {
      youngest_free = std::min(youngest_free, age);
    }
  }
  FT_CHECK(oldest_used <= youngest_free);
  for (unsigned lane = ways_; lane < stride_; ++lane) FT_CHECK(age_of(lane) == kPaddingAge);
}

}  // namespace ft::sim::tlb
