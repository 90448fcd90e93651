// RegionIndex finds, in one process, the region that held an address at a time, among boxes in
// address x time that never overlap. Built once; a lookup walks from the elementary interval that
// holds the address up a binary tree whose nodes keep the boxes that span exactly their subtree, so
// it costs O(log n) however often ranges were split, merged and mapped again, in O(n log n) memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attribution/owner_history.h"

namespace ft::attribution {

class RegionIndex {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  RegionIndex() = default;
  // REQUIRES: all of one process; `first` is the position of regions[0] in what find() answers.
  RegionIndex(std::span<const Region> regions, std::uint32_t first);

  std::uint32_t find(std::uint64_t address, Nanoseconds ts) const;

 private:
  struct Slot {
    Nanoseconds from_ts;
    Nanoseconds to_ts;  // exclusive; the largest value for what is still there
    std::uint32_t region;
  };

  std::vector<std::uint64_t> borders_;     // elementary interval i is [borders_[i], borders_[i+1])
  std::size_t leaves_ = 0;                 // power of two; node 1 is the root, leaf i is leaves_+i
  std::vector<std::uint32_t> node_begin_;  // slots of node n: [node_begin_[n], node_begin_[n+1])
  std::vector<Slot> slots_;                // of each node by from_ts
};

}  // namespace ft::attribution
