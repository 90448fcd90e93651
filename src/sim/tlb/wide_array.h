// WideArray holds the entries of a set-associative array with few ways in true LRU order: a set's
// entries lie side by side, eight to a line, the one used last first. A processor that compares and
// moves a line at a time (AVX-512) needs a dozen instructions for each eight ways.
//
// Invariant (verified by check()): an entry is held once, free ways behind all others.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/tlb/entry_key.h"
#include "sim/tlb/keep_missed.h"
#include "sim/tlb/set_masks.h"

namespace ft::sim::tlb {

class WideArray {
 public:
  static constexpr unsigned kMaxWays = 32;
  static constexpr unsigned kLine = 8;
  struct alignas(kLine * sizeof(EntryKey)) Line {
    std::array<EntryKey, kLine> keys;
  };

  // Whether this processor is one of those.
  static bool supported();

  // REQUIRES: 1 <= ways <= kMaxWays, supported().
  WideArray(unsigned sets, unsigned ways);

  // Whether the entry was there. Afterwards it is, as the one used last; the victim of its set has
  // made way where that was full.
  bool use(EntryKey key, std::size_t set);

  // As EntryArray's, by the sets of `masks`.
  std::size_t use_all(std::span<EntryKey> keys, SetMasks masks);
  MissedKeys use_all_with_directories(std::span<EntryKey> keys, unsigned bits_above,
                                      SetMasks masks);
  // The same of two arrays, see EntryKey::in_odd_half(). REQUIRES: as many ways in both.
  std::size_t use_all_by_parity(std::span<EntryKey> keys, SetMasks masks, WideArray& odd,
                                SetMasks odd_masks);

  // Calls act(use) with use(EntryKey) as above. `set_of(EntryKey)` tells the set.
  template <typename SetOf, typename Do>
  auto with_use(SetOf set_of, Do act) {
    return act([&](EntryKey key) { return use(key, set_of(key)); });
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
    for (std::size_t set = 0; set < sets_; ++set) {
      for (unsigned place = 0; place < ways_ && key_at(set, place).valid(); ++place) {
        visit(key_at(set, place), set);
      }
    }
  }
  unsigned ways() const { return ways_; }
  void check() const;  // expensive

 private:
  EntryKey& key_at(std::size_t set, unsigned place) {
    return queues_[set * lines_ + place / kLine].keys[place % kLine];
  }
  EntryKey key_at(std::size_t set, unsigned place) const {
    return queues_[set * lines_ + place / kLine].keys[place % kLine];
  }
  unsigned find(EntryKey key, std::size_t set) const;  // its place; ways_: not there
  void erase_place(std::size_t set, unsigned place);
  void expect_like(std::size_t missed, std::size_t uses);

  std::size_t sets_;
  unsigned ways_;
  unsigned lines_;
  bool expect_misses_ = true;  // by the keys before: which way through a use is quicker
  // By set. Places behind a set's last way hold what was driven out last: never found.
  std::vector<Line> queues_;
};

}  // namespace ft::sim::tlb
