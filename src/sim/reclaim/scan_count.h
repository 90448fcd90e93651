// How many pages of each list one step of reclaim looks at: the arithmetic of mm/vmscan.c
// get_scan_count, prepare_scan_control and inactive_is_low, without state.
#pragma once

#include <cstdint>

#include "sim/reclaim/lists.h"

namespace ft::sim::reclaim {

inline constexpr unsigned kFirstPriority = 12;      // DEF_PRIORITY: a 4096th of a list
inline constexpr std::uint64_t kClusterPages = 32;  // SWAP_CLUSTER_MAX
inline constexpr unsigned kMostSwappiness = 200;
inline constexpr unsigned kUsualSwappiness = 60;  // vm_swappiness

// How many active pages there may be for each inactive one: the square root of ten times the size
// in GiB; 1 below a GiB. `pages`: of both lists.
std::uint64_t inactive_ratio(std::uint64_t pages);
// Whether active pages must be moved to the inactive list.
bool inactive_is_low(std::uint64_t inactive, std::uint64_t active);

enum class Balance : std::uint8_t {
  Equal,          // each list by its size
  Fraction,       // by swappiness and by what reading pages back has cost
  AnonymousOnly,  // hardly any cache is left
  FileOnly,       // nothing can be swapped, or there is plenty of cache nobody wants
};

// What a group is promised, as it comes to after sharing with its siblings; in pages.
struct Protection {
  std::uint64_t min = 0;
  std::uint64_t low = 0;
};

struct ScanInput {
  ListCounts sizes = {};  // of the group's lists, pages of zones that the request can use
  unsigned priority = kFirstPriority;
  unsigned swappiness = kUsualSwappiness;
  bool can_swap = false;     // swapping is allowed, and a slot is free for this group
  bool of_group = false;     // for a group's limit, not because the machine is short
  bool little_file = false;  // file_is_tiny
  bool trims_cache = false;  // cache_trim_mode
  std::uint64_t anonymous_cost = 0;
  std::uint64_t file_cost = 0;
  Protection protection;
  std::uint64_t group_pages = 0;  // what the group uses; matters where it is protected
  bool breaks_low = false;        // the promise of memory.low is no longer kept
};

struct ScanTargets {
  ListCounts pages = {};
  Balance balance = Balance::FileOnly;
  bool spared_low = false;  // less than without memory.low
};

// REQUIRES: priority <= kFirstPriority, swappiness <= kMostSwappiness.
ScanTargets scan_targets(const ScanInput& input);

}  // namespace ft::sim::reclaim
