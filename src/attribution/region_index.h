// RegionIndex finds, in one process, the region that held an address at a time, among boxes in
// address x time that never overlap. Built once; a lookup walks from the elementary interval that
// holds the address up a binary tree whose nodes keep the boxes that span exactly their subtree, so
// it costs O(log n) however often ranges were split, merged and mapped again, in O(n log n) memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/range.h"
#include "event/event.h"

namespace ft::attribution {

class RegionIndex {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Entry {
    AddressRange range;
    Nanoseconds from_ts = 0;
    Nanoseconds to_ts = event::kStillThere;
    std::uint32_t answer = 0;  // what find() returns for it
  };

  RegionIndex() = default;
  // REQUIRES: all of one process, by from_ts, none overlapping in address and time.
  explicit RegionIndex(std::span<const Entry> entries);

  std::uint32_t find(std::uint64_t address, Nanoseconds ts) const;

 private:
  struct Slot {
    Nanoseconds from_ts;
    Nanoseconds to_ts;  // exclusive; the largest value for what is still there
    std::uint32_t answer;
  };

  std::vector<std::uint64_t> borders_;     // elementary interval i is [borders_[i], borders_[i+1])
  std::size_t leaves_ = 0;                 // power of two; node 1 is the root, leaf i is leaves_+i
  std::vector<std::uint32_t> node_begin_;  // slots of node n: [node_begin_[n], node_begin_[n+1])
  std::vector<Slot> slots_;                // of each node by from_ts
};

}  // namespace ft::attribution
