// ReclaimRules is where releases of the kernel reclaim memory differently, each difference by name.
#pragma once

namespace ft::sim::reclaim {

// Source: mm/vmscan.c, mm/swap.c, mm/memcontrol.c and mm/swap_slots.c of Linux 6.1.192 and
// 6.12.117; 6.18 by what changed in between. The formulas of scan_count.h, oom.h and charge.h are
// the same in all of them.
struct ReclaimRules {
  // What a list costs counts each page written out or read back 32 times, and each page that was
  // looked at in vain once (6.2). Before: pages written out or read back, once.
  bool counts_rotations = true;
  // kswapd that freed nothing while it spared anonymous memory, because there was much cache,
  // starts again without sparing it (6.10; 6.1 has no such second try).
  bool gives_up_trimming_cache = true;
  // Direct reclaim that freed nothing walks all groups from the start once more before it tries
  // harder things (in 6.12, not in 6.1).
  bool walks_all_groups_again = true;
  // Groups whose pages, charged ahead, one CPU may hold at once (6.16); before: one.
  unsigned stocked_groups = 7;

  static constexpr ReclaimRules linux_6_1() {
    return {.counts_rotations = false,
            .gives_up_trimming_cache = false,
            .walks_all_groups_again = false,
            .stocked_groups = 1};
  }
  static constexpr ReclaimRules linux_6_12() { return {.stocked_groups = 1}; }
  static constexpr ReclaimRules linux_6_18() { return {}; }
};

}  // namespace ft::sim::reclaim
