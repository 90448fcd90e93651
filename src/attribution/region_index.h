// RegionIndex finds, in one process, the region that held an address at a time, among boxes in
// address x time that never overlap. Built once, read by any thread.
//
// The borders of all boxes cut the address space into elementary intervals; each keeps the boxes
// that cover it, by time. A box that covers very many intervals (a reservation that was later cut
// into thousands of pieces) is kept in the few nodes of a binary tree above them that span it
// exactly, so memory stays O(n log n) whatever a log claims.
//
// Cost of a lookup: a binary search among the intervals (none where the address follows the last
// one asked for, as faults do), then one among the boxes of that interval, then at most O(log n)
// tree nodes where such large boxes exist.
#pragma once

#include <atomic>
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
  RegionIndex(RegionIndex&& other) noexcept;
  RegionIndex& operator=(RegionIndex&&) = delete;

  std::uint32_t find(std::uint64_t address, Nanoseconds ts) const;

 private:
  struct Slot {
    Nanoseconds from_ts;
    Nanoseconds to_ts;  // exclusive; the largest value for what is still there
    std::uint32_t answer;
  };
  // Slots of group n: [begin[n], begin[n+1]), by from_ts.
  struct Groups {
    std::vector<std::uint32_t> begin;
    std::vector<Slot> slots;
    std::uint32_t find(std::size_t group, Nanoseconds ts) const;
  };

  std::size_t interval_of(std::uint64_t address) const;

  std::vector<std::uint64_t> borders_;  // interval i is [borders_[i], borders_[i+1])
  Groups intervals_;
  std::size_t leaves_ = 0;  // of the tree: a power of two, 0 without one; node 1 is its root
  Groups nodes_;
  mutable std::atomic<std::uint32_t> last_{0};  // the interval found last: a hint
};

}  // namespace ft::attribution
