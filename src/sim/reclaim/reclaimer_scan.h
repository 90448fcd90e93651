// One run of reclaim: what it wants, how hard it tries, what it found. For the files of Reclaimer.
#pragma once

#include <array>
#include <cstdint>

#include "sim/reclaim/reclaimer.h"

namespace ft::sim::reclaim {

struct Reclaimer::Scan {
  std::uint64_t wanted = kClusterPages;
  GroupId top = kRootGroup;
  bool for_limit = false;  // of `top`; otherwise the machine is short
  bool kswapd = false;
  bool may_swap = true;
  phys::ZoneKind highest = phys::ZoneKind::Movable;
  unsigned order = 0;
  unsigned priority = kFirstPriority;

  // Found by prepare().
  std::array<bool, 2> deactivates = {};  // by file
  bool trims_cache = false;
  bool little_file = false;
  std::uint64_t anonymous_cost = 0;
  std::uint64_t file_cost = 0;

  // How the next run must try harder.
  bool walks_all = false;  // every group, though enough was found
  bool forces_deactivation = false;
  bool skipped_active = false;
  bool breaks_low = false;
  bool spared_low = false;
  bool never_trims_cache = false;
  bool trimming_failed = false;

  std::uint64_t scanned = 0;
  std::uint64_t freed = 0;
};

}  // namespace ft::sim::reclaim
