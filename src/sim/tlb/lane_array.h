// LaneArray holds the entries of a set-associative array with few ways. A byte of each entry's hash
// and a byte of its age lie side by side for a whole set, so a look-up, and true LRU, cost a few
// instructions for sixteen ways.
//
// Invariants (verified by check()):
//   - an entry is held once, and its hash byte is its own;
//   - LRU: the ages of a set are a permutation of 0 (used last) .. ways-1, free ways the oldest.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "sim/tlb/byte_lanes.h"
#include "sim/tlb/entry_key.h"
#include "sim/tlb/replacement.h"

namespace ft::sim::tlb {

class LaneArray {
 public:
  static constexpr unsigned kMaxWays = 64;

  // REQUIRES: 1 <= ways <= kMaxWays; with TreePlru a power of two.
  LaneArray(unsigned sets, unsigned ways, Replacement replacement);

  // Whether the entry was there. Afterwards it is, as the one used last; the victim of its set has
  // made way where that was full.
  bool use(EntryKey key, std::size_t set) {
    if (replacement_ == Replacement::TreePlru) return use_plru(key, set);
    if (vectors_ == 1) return use_lru<1>(lru_sets(), key, set);
    if (vectors_ == 2) return use_lru<2>(lru_sets(), key, set);
    return use_lru<kMaxWays / kLanes>(lru_sets(), key, set);
  }

  // Calls act(use), where use(EntryKey) does the same as above, only faster: for many uses in a
  // row. `set_of(EntryKey)` tells the set.
  template <typename SetOf, typename Do>
  auto with_use(SetOf set_of, Do act) {
    if (replacement_ == Replacement::TreePlru) {
      return act([&](EntryKey key) { return use_plru(key, set_of(key)); });
    }
    const LruSets sets = lru_sets();  // a copy, which stores to the arrays cannot change
    if (vectors_ == 1) return act([=](EntryKey key) { return use_lru<1>(sets, key, set_of(key)); });
    if (vectors_ == 2) return act([=](EntryKey key) { return use_lru<2>(sets, key, set_of(key)); });
    return act([=](EntryKey key) { return use_lru<kMaxWays / kLanes>(sets, key, set_of(key)); });
  }

  bool contains(EntryKey key, std::size_t set) const { return find(key, set) != kNoWay; }
  bool erase(EntryKey key, std::size_t set);
  void clear();

  // Erases each entry of which `condemned(EntryKey)` is true.
  template <typename Condemned>
  void erase_if(Condemned condemned) {
    for (std::size_t slot = 0; slot < keys_.size(); ++slot) {
      if (keys_[slot].valid() && condemned(keys_[slot])) {
        erase_way(slot / stride_, static_cast<unsigned>(slot % stride_));
      }
    }
  }
  // Calls visit(EntryKey, set) for each entry.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::size_t slot = 0; slot < keys_.size(); ++slot) {
      if (keys_[slot].valid()) visit(keys_[slot], slot / stride_);
    }
  }
  void check() const;  // expensive

 private:
  static constexpr unsigned kNoWay = ~0U;
  static constexpr std::uint8_t kPaddingAge = 127;  // of lanes that are no ways: never the oldest

  static std::uint8_t tag_of(std::uint64_t hash) { return static_cast<std::uint8_t>(hash >> 40U); }
  EntryKey& key_at(std::size_t set, unsigned way) { return keys_[set * stride_ + way]; }
  const EntryKey& key_at(std::size_t set, unsigned way) const { return keys_[set * stride_ + way]; }
  std::uint8_t& age_at(std::size_t set, unsigned way) {
    return ages_[set * vectors_ + way / kLanes].bytes[way % kLanes];
  }

  unsigned find(EntryKey key, std::size_t set) const {
    const ByteLanes wanted = ByteLanes::filled(tag_of(key.hash()));
    for (unsigned vector = 0; vector < vectors_; ++vector) {
      unsigned candidates = ByteLanes(tags_[set * vectors_ + vector]).equals(wanted).mask();
      while (candidates != 0) {
        const unsigned way = vector * kLanes + static_cast<unsigned>(std::countr_zero(candidates));
        if (key_at(set, way) == key) return way;
        candidates &= candidates - 1;
      }
    }
    return kNoWay;
  }

  struct LruSets {
    LaneBytes* tags;
    LaneBytes* ages;
    EntryKey* keys;
    std::uint8_t oldest;
  };
  LruSets lru_sets() {
    return {tags_.data(), ages_.data(), keys_.data(), static_cast<std::uint8_t>(ways_ - 1)};
  }

  // Whole vectors are written, never single bytes: the next use reads whole vectors, and would wait
  // for the bytes.
  template <unsigned kVectors>
  [[gnu::always_inline]] static bool use_lru(LruSets sets, EntryKey key, std::size_t set) {
    LaneBytes* const tags = sets.tags + set * kVectors;
    LaneBytes* const ages = sets.ages + set * kVectors;
    EntryKey* const keys = sets.keys + set * kVectors * kLanes;
    const ByteLanes tag = ByteLanes::filled(tag_of(key.hash()));

    std::uint64_t candidates = 0;
    for (unsigned v = 0; v < kVectors; ++v) {
      candidates |= std::uint64_t{ByteLanes(tags[v]).equals(tag).mask()} << (v * kLanes);
    }
    for (; candidates != 0; candidates &= candidates - 1) {
      const auto way = static_cast<unsigned>(std::countr_zero(candidates));
      if (keys[way] != key) continue;
      make_newest<kVectors>(ages, ByteLanes::filled(ages[way / kLanes].bytes[way % kLanes]));
      return true;
    }
    const ByteLanes oldest = ByteLanes::filled(sets.oldest);
    std::uint64_t victim = 0;
    for (unsigned v = 0; v < kVectors; ++v) {
      const ByteLanes here = ByteLanes(ages[v]).equals(oldest);
      ByteLanes(tags[v]).replaced_where(here, tag).store(tags[v]);
      victim |= std::uint64_t{here.mask()} << (v * kLanes);
    }
    keys[std::countr_zero(victim)] = key;
    make_newest<kVectors>(ages, oldest);
    return false;
  }

  // The way of this age becomes the newest; those that were newer age by one.
  template <unsigned kVectors>
  [[gnu::always_inline]] static void make_newest(LaneBytes* ages, ByteLanes age) {
    for (unsigned v = 0; v < kVectors; ++v) {
      const ByteLanes old(ages[v]);
      old.incremented_below(age).cleared_where(old.equals(age)).store(ages[v]);
    }
  }

  bool use_plru(EntryKey key, std::size_t set);
  unsigned plru_victim(std::size_t set) const;
  void erase_way(std::size_t set, unsigned way);
  void reset_ages();
  void check_ages(std::size_t set) const;

  // What a use of a way does to the bits of its set's tree: they point away from it.
  struct PlruPath {
    std::uint64_t clear = 0;
    std::uint64_t set = 0;
  };

  std::size_t sets_;
  unsigned ways_;
  unsigned vectors_;  // of kLanes ways, for one set
  unsigned stride_;   // vectors_ * kLanes
  Replacement replacement_;
  std::vector<LaneBytes> tags_;
  std::vector<LaneBytes> ages_;  // LRU only
  std::vector<EntryKey> keys_;
  std::vector<std::uint64_t> plru_;   // TreePlru only: a tree a set, node i has bit i, root 1
  std::vector<PlruPath> plru_paths_;  // by way
};

}  // namespace ft::sim::tlb
