// EntryArray is one array of a TLB, or one paging-structure cache: a number of sets, each of which
// replaces its entries on its own. Few ways are held as lanes, many as lists; nobody outside sees
// the difference.
#pragma once

#include <cstdint>
#include <span>
#include <variant>

#include "sim/tlb/entry_key.h"
#include "sim/tlb/geometry.h"
#include "sim/tlb/lane_array.h"
#include "sim/tlb/list_array.h"

namespace ft::sim::tlb {

class EntryArray {
 public:
  // REQUIRES: the shape is valid, see validate().
  explicit EntryArray(const ArrayShape& shape);

  // Whether the entry was there. Afterwards it is, as the one used last; the victim of its set has
  // made way where that was full.
  bool use(EntryKey key) {
    if (LaneArray* lanes = std::get_if<LaneArray>(&ways_)) return lanes->use(key, set_of(key));
    return std::get_if<ListArray>(&ways_)->use(key, set_of(key));
  }

  // Uses all keys in their order and moves those that were not there to the front. How many these
  // are.
  std::size_t use_all(std::span<EntryKey> keys);

  // The same where this array holds PDEs too: whatever was not there uses its PDE next, before the
  // key after it is used. Those whose PDE was not there either are moved to the front, as PDEs.
  struct Missed {
    std::size_t pages = 0;
    std::size_t directories = 0;  // of these: keys at the front
  };
  Missed use_all_with_directories(std::span<EntryKey> keys, unsigned bits_above);

  // Whether the entry is there; its age does not change.
  bool contains(EntryKey key) const {
    return std::visit([&](const auto& ways) { return ways.contains(key, set_of(key)); }, ways_);
  }
  bool erase(EntryKey key) {
    return std::visit([&](auto& ways) { return ways.erase(key, set_of(key)); }, ways_);
  }
  void clear() {
    std::visit([](auto& ways) { ways.clear(); }, ways_);
  }
  template <typename Condemned>
  void erase_if(Condemned condemned) {
    std::visit([&](auto& ways) { ways.erase_if(condemned); }, ways_);
  }
  // Calls visit(EntryKey) for each entry.
  template <typename Visit>
  void for_each(Visit visit) const {
    std::visit(
        [&](const auto& ways) {
          ways.for_each([&](EntryKey key, std::size_t /*set*/) { visit(key); });
        },
        ways_);
  }

  const ArrayShape& shape() const { return shape_; }
  std::size_t size() const;
  void check() const;  // expensive

 private:
  // Calls act(ways, set_of) with what ways_ holds and the cheapest way to tell a key's set.
  template <typename Do>
  auto with_ways(Do act);

  std::size_t set_of(EntryKey key) const {
    if (shape_.index == SetIndex::Modulo) [[unlikely]]
      return key.number() % shape_.sets();
    return masks_.set_of(key);
  }

  // LowBits is XorFold with nothing left to fold in.
  struct Masks {
    std::uint64_t mask;
    unsigned fold;

    std::size_t set_of(EntryKey key) const {
      return (key.number() ^ (key.number() >> fold)) & mask;
    }
  };

  ArrayShape shape_;
  Masks masks_;
  std::variant<LaneArray, ListArray> ways_;
};

}  // namespace ft::sim::tlb
