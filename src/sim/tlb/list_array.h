// ListArray holds the entries of an array with many ways, fully associative ones above all, in true
// LRU order. A hash finds the entry; each set keeps its ways in a ring from the one used last to
// the one used longest ago. All in constant time, however many ways there are.
//
// Invariants (verified by check()):
//   - each slot is in the ring of its set once, free slots behind all others;
//   - each entry is in the chain of its hash once, and nothing else is.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/tlb/entry_key.h"

namespace ft::sim::tlb {

class ListArray {
 public:
  // REQUIRES: sets >= 1, ways >= 1, sets * ways < 2^31.
  ListArray(unsigned sets, unsigned ways);

  // Whether the entry was there. Afterwards it is, as the one used last; the victim of its set has
  // made way where that was full.
  bool use(EntryKey key, std::size_t set) { return rings().use(key, heads_[set]); }

  // Calls act(use), where use(EntryKey) does the same as above, only faster: for many uses in a
  // row. `set_of(EntryKey)` tells the set.
  template <typename SetOf, typename Do>
  auto with_use(SetOf set_of, Do act) {
    const Rings all = rings();  // a copy, which stores to the arrays cannot change
    if (sets_ == 1) {
      Slot head = heads_[0];  // in a register, for each use waits for it
      const auto result = act([&](EntryKey key) { return all.use(key, head); });
      heads_[0] = head;
      return result;
    }
    Slot* const heads = heads_.data();
    return act([=](EntryKey key) { return all.use(key, heads[set_of(key)]); });
  }

  bool contains(EntryKey key, std::size_t /*set*/) const { return find(key) != none_; }
  bool erase(EntryKey key, std::size_t set);
  void clear();

  template <typename Condemned>
  void erase_if(Condemned condemned) {
    for (Slot slot = 0; slot < none_; ++slot) {
      if (keys_[slot].valid() && condemned(keys_[slot])) erase_slot(slot, slot / ways_);
    }
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (Slot slot = 0; slot < none_; ++slot) {
      if (keys_[slot].valid()) visit(keys_[slot], slot / ways_);
    }
  }
  void check() const;  // expensive

 private:
  using Slot = std::uint32_t;
  struct Neighbours {
    Slot before = 0;
    Slot after = 0;
  };

  // Where the arrays are; what is done with them on the fast path.
  struct Rings {
    EntryKey* keys;
    Neighbours* ring;
    Slot* chain;
    Slot* buckets;
    Slot none;
    unsigned bucket_shift;

    // `head` is the set's.
    [[gnu::always_inline]] bool use(EntryKey key, Slot& head) const {
      const Slot slot = find(key);
      if (slot == none) {
        head = ring[head].before;
        replace(head, key);
        return false;
      }
      if (slot != head) {
        unlink(slot);
        link_last(slot, head);
        head = slot;
      }
      return true;
    }
    Slot& bucket_of(EntryKey key) const { return buckets[key.hash() >> bucket_shift]; }

    // A chain ends at the slot behind all others, which holds no entry and is chained to itself: so
    // an empty bucket and one with another entry take the same way through here.
    Slot find(EntryKey key) const {
      Slot slot = bucket_of(key);
      while (keys[slot] != key) {
        slot = chain[slot];
        if (slot == none) break;
      }
      return slot;
    }
    // Turning a ring by one makes its last slot, the victim's, the first.
    void replace(Slot slot, EntryKey key) const {
      if (keys[slot].valid()) unchain(slot);
      keys[slot] = key;
      Slot& bucket = bucket_of(key);
      chain[slot] = bucket;
      bucket = slot;
    }
    void unchain(Slot slot) const {
      Slot* link = &bucket_of(keys[slot]);
      while (*link != slot) link = &chain[*link];
      *link = chain[slot];
    }
    void unlink(Slot slot) const {
      const Neighbours around = ring[slot];
      ring[around.before].after = around.after;
      ring[around.after].before = around.before;
    }
    // Puts an unlinked slot at the end of the ring, which is just before its head.
    void link_last(Slot slot, Slot head) const {
      const Slot last = ring[head].before;
      ring[slot] = {last, head};
      ring[last].after = slot;
      ring[head].before = slot;
    }
  };
  Rings rings() {
    return {keys_.data(), ring_.data(), chain_.data(), buckets_.data(), none_, bucket_shift_};
  }
  Slot find(EntryKey key) const { return const_cast<ListArray*>(this)->rings().find(key); }
  void erase_slot(Slot slot, std::size_t set);
  void reset_rings();

  std::size_t sets_;
  unsigned ways_;
  Slot none_;  // the number of slots: the end of a chain
  unsigned bucket_shift_;
  std::vector<EntryKey> keys_;    // by slot; the slots of a set are neighbours
  std::vector<Neighbours> ring_;  // by slot
  std::vector<Slot> chain_;       // by slot: the next of the same bucket
  std::vector<Slot> heads_;       // by set: the slot used last
  std::vector<Slot> buckets_;
};

}  // namespace ft::sim::tlb
