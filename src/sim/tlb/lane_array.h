// LaneArray holds the entries of a set-associative array with few ways, in true LRU order. A byte
// of each entry's hash lies at its place in that order, a whole set's side by side, and beside them
// the way each is held in: so a look-up costs a few instructions for sixteen ways, and so does
// moving one to the front. The entries themselves stay where they are.
//
// Invariants (verified by check()):
//   - an entry is held once, and its hash byte is its own;
//   - the order of a set names each of its ways once, free ways behind all others.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "sim/tlb/byte_lanes.h"
#include "sim/tlb/entry_key.h"

namespace ft::sim::tlb {

class LaneArray {
 public:
  static constexpr unsigned kMaxWays = 2 * kLanes;

  // REQUIRES: 1 <= ways <= kMaxWays.
  LaneArray(unsigned sets, unsigned ways);

  // Whether the entry was there. Afterwards it is, as the one used last; the victim of its set has
  // made way where that was full.
  bool use(EntryKey key, std::size_t set) {
    return vectors_ == 1 ? use<1>(arrays(), key, set) : use<2>(arrays(), key, set);
  }

  // Calls act(use), where use(EntryKey) does the same as above, only faster: for many uses in a
  // row. `set_of(EntryKey)` tells the set.
  template <typename SetOf, typename Do>
  auto with_use(SetOf set_of, Do act) {
    const Arrays all = arrays();  // a copy, which stores to the arrays cannot change
    if (vectors_ == 1)
      return act([=](EntryKey key)
                     __attribute__((always_inline)) { return use<1>(all, key, set_of(key)); });
    return act([=](EntryKey key)
                   __attribute__((always_inline)) { return use<2>(all, key, set_of(key)); });
  }

  bool contains(EntryKey key, std::size_t set) const { return find(key, set) != ways_; }
  bool erase(EntryKey key, std::size_t set);
  void clear();

  // Erases each entry of which `condemned(EntryKey)` is true.
  template <typename Condemned>
  void erase_if(Condemned condemned) {
    for (std::size_t set = 0; set < sets_; ++set) {
      for (unsigned place = ways_; place-- > 0;) {
        const EntryKey key = key_at(set, place);
        if (key.valid() && condemned(key)) erase_place(set, place);
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
  struct Arrays {
    LaneBytes* tags;
    LaneBytes* order;
    EntryKey* keys;
    unsigned oldest;         // place in the order
    std::uint32_t in_order;  // bit i: place i is one
  };
  Arrays arrays() {
    return {tags_.data(), order_.data(), keys_.data(), ways_ - 1,
            static_cast<std::uint32_t>((std::uint64_t{1} << ways_) - 1)};
  }

  // Whole vectors are written, never single bytes: the next use reads whole vectors, and would wait
  // for the bytes.
  template <unsigned kVectors>
  [[gnu::always_inline]] static bool use(Arrays arrays, EntryKey key, std::size_t set) {
    LaneBytes* const tags = arrays.tags + set * kVectors;
    LaneBytes* const order = arrays.order + set * kVectors;
    EntryKey* const keys = arrays.keys + set * kVectors * kLanes;
    const auto way_at = [order](unsigned place) -> unsigned {
      return reinterpret_cast<const std::uint8_t*>(order)[place];
    };

    const std::uint8_t tag = tag_of(key);
    std::uint32_t candidates = 0;
    for (unsigned v = 0; v < kVectors; ++v) {
      const ByteLanes wanted = ByteLanes::filled(tag);
      candidates |= std::uint32_t{ByteLanes(tags[v]).equals(wanted).mask()} << (v * kLanes);
    }
    candidates &= arrays.in_order;
    for (; candidates != 0; candidates &= candidates - 1) {
      const auto place = static_cast<unsigned>(std::countr_zero(candidates));
      const unsigned way = way_at(place);
      if (keys[way] != key) continue;
      move_to_front<kVectors>(tags, place, tag);
      move_to_front<kVectors>(order, place, static_cast<std::uint8_t>(way));
      return true;
    }
    const unsigned way = way_at(arrays.oldest);
    keys[way] = key;
    put_first<kVectors>(tags, tag);
    put_first<kVectors>(order, static_cast<std::uint8_t>(way));
    return false;
  }

  // All places move back by one. What leaves the order's last one is not looked at again.
  template <unsigned kVectors>
  [[gnu::always_inline]] static void put_first(LaneBytes* lanes, std::uint8_t value) {
    ByteLanes first = ByteLanes::lowest(value);
    for (unsigned v = 0; v < kVectors; ++v) {
      const ByteLanes old(lanes[v]);
      (old.moved_up() | first).store(lanes[v]);
      first = old.highest_as_lowest();
    }
  }
  // Those before `place` do; `value`, which was there, comes first.
  template <unsigned kVectors>
  [[gnu::always_inline]] static void move_to_front(LaneBytes* lanes, unsigned place,
                                                   std::uint8_t value) {
    ByteLanes first = ByteLanes::lowest(value);
    for (unsigned v = 0; v < kVectors; ++v) {
      const ByteLanes old(lanes[v]);
      const ByteLanes not_behind =
          ByteLanes::unaligned(kStep.data() + (kMaxWays - 1 - place + v * kLanes));
      old.replaced_where(not_behind, old.moved_up() | first).store(lanes[v]);
      first = old.highest_as_lowest();
    }
  }
  // 0xff up to the middle, 0 behind: what is read from so far before the middle has 0xff in just
  // the lanes up to a place.
  static constexpr std::array<std::uint8_t, std::size_t{2} * kMaxWays> kStep = [] {
    std::array<std::uint8_t, std::size_t{2} * kMaxWays> step{};
    for (unsigned i = 0; i < kMaxWays; ++i) step[i] = 0xff;
    return step;
  }();

  static std::uint8_t tag_of(EntryKey key) { return static_cast<std::uint8_t>(key.hash() >> 40U); }
  template <typename Lanes>
  auto& lane(Lanes& lanes, std::size_t set, unsigned place) const {
    return lanes[set * vectors_ + place / kLanes].bytes[place % kLanes];
  }
  std::uint8_t& way_at(std::size_t set, unsigned place) { return lane(order_, set, place); }
  std::uint8_t way_at(std::size_t set, unsigned place) const { return lane(order_, set, place); }
  std::uint8_t& tag_at(std::size_t set, unsigned place) { return lane(tags_, set, place); }
  std::uint8_t tag_at(std::size_t set, unsigned place) const { return lane(tags_, set, place); }
  EntryKey key_at(std::size_t set, unsigned place) const {
    return keys_[set * stride_ + way_at(set, place)];
  }
  unsigned find(EntryKey key, std::size_t set) const;  // its place; ways_: not there
  void erase_place(std::size_t set, unsigned place);
  void reset_order();

  std::size_t sets_;
  unsigned ways_;
  unsigned vectors_;              // of kLanes ways, for one set
  unsigned stride_;               // vectors_ * kLanes
  std::vector<LaneBytes> tags_;   // by set and place
  std::vector<LaneBytes> order_;  // by set and place, the one used last first: the way
  std::vector<EntryKey> keys_;    // by set and way
};

}  // namespace ft::sim::tlb
