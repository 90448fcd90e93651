// OverlapFinder tells whether an interval of a thread overlaps an earlier one of the same thread.
// Events come roughly in time, so it remembers the latest few of each thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "event/event.h"

namespace ft::analysis {

class OverlapFinder {
 public:
  struct Interval {
    Nanoseconds start = 0;
    Nanoseconds end = 0;  // == start: a moment, which overlaps nothing that only touches it
    std::uint64_t number = 0;
  };

  // The remembered interval that overlaps, if one does; then remembers this one.
  std::optional<Interval> add(event::Tid tid, Interval interval) {
    Recent& recent = by_tid_[tid];
    std::optional<Interval> found;
    for (std::size_t i = 0; i < recent.used && !found; ++i) {
      const Interval& other = recent.intervals[i];
      if (interval.start < other.end && other.start < interval.end) found = other;
    }
    recent.intervals[recent.next] = interval;
    recent.next = (recent.next + 1) % recent.intervals.size();
    if (recent.used < recent.intervals.size()) ++recent.used;
    return found;
  }

 private:
  struct Recent {
    std::array<Interval, 16> intervals;
    std::size_t used = 0;
    std::size_t next = 0;
  };
  std::unordered_map<event::Tid, Recent> by_tid_;
};

}  // namespace ft::analysis
