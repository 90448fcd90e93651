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
#include "sim/tlb/plru_array.h"
#include "sim/tlb/wide_array.h"

namespace ft::sim::tlb {

class EntryArray {
 public:
  using Ways = std::variant<WideArray, LaneArray, ListArray, PlruArray>;

  // REQUIRES: the shape is valid, see validate().
  explicit EntryArray(const ArrayShape& shape);

  // Whether the entry was there. Afterwards it is, as the one used last; the victim of its set has
  // made way where that was full.
  bool use(EntryKey key) {
    return std::visit([&](auto& ways) { return ways.use(key, set_of(key)); }, ways_);
  }

  // Uses all keys in their order and moves those that were not there to the front. How many these
  // are.
  std::size_t use_all(std::span<EntryKey> keys);

  // The same of two arrays: those in_odd_half() are held in `odd`.
  std::size_t use_all_by_parity(std::span<EntryKey> keys, EntryArray& odd);

  // The same where this array holds PDEs too, see keep_missed_directories().
  MissedKeys use_all_with_directories(std::span<EntryKey> keys, unsigned bits_above);

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

  ArrayShape shape_;
  SetMasks masks_;
  Ways ways_;
};

}  // namespace ft::sim::tlb
