// PlruArray holds the entries of a set-associative array that replaces by a tree of bits, as many
// caches do: each bit points away from the half of the ways that was used last.
//
// Invariant (verified by check()): an entry is held once.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/tlb/entry_key.h"

namespace ft::sim::tlb {

class PlruArray {
 public:
  static constexpr unsigned kMaxWays = 64;

  // REQUIRES: ways is a power of two, at most kMaxWays.
  PlruArray(unsigned sets, unsigned ways);

  // Whether the entry was there. Afterwards it is, and its set's tree points away from it; a free
  // way was filled, or else the one all bits of the tree led to.
  bool use(EntryKey key, std::size_t set);

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
    for (EntryKey& key : keys_) {
      if (key.valid() && condemned(key)) key = EntryKey();
    }
  }
  // Calls visit(EntryKey, set) for each entry.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::size_t slot = 0; slot < keys_.size(); ++slot) {
      if (keys_[slot].valid()) visit(keys_[slot], slot / ways_);
    }
  }
  void check() const;  // expensive

 private:
  // What a use of a way does to the bits of its set's tree.
  struct Path {
    std::uint64_t clear = 0;
    std::uint64_t set = 0;
  };

  EntryKey& key_at(std::size_t set, unsigned way) { return keys_[set * ways_ + way]; }
  EntryKey key_at(std::size_t set, unsigned way) const { return keys_[set * ways_ + way]; }
  unsigned find(EntryKey key, std::size_t set) const;  // the way; ways_: not there
  unsigned victim(std::size_t set) const;

  unsigned ways_;
  std::vector<EntryKey> keys_;        // by set and way
  std::vector<std::uint64_t> trees_;  // by set; node i has bit i, root 1
  std::vector<Path> paths_;           // by way
};

}  // namespace ft::sim::tlb
