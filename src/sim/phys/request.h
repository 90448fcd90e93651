// Request is one call of __alloc_pages: what the gfp flags, the order and the nodes come to.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/phys/migrate_type.h"
#include "sim/phys/node_mask.h"
#include "sim/phys/watermarks.h"
#include "sim/phys/zone.h"

namespace ft::sim::phys {

struct Request {
  unsigned order = 0;
  MigrateType type = MigrateType::Movable;
  ZoneKind highest = ZoneKind::Movable;  // gfp_zone
  // Where to look first; empty: the node of the CPU.
  std::optional<NodeId> node;
  // Only on these.
  NodeMask nodes = NodeMask::all();
  bool this_node_only = false;  // __GFP_THISNODE

  // What it does when memory is short.
  bool wakes_kswapd = true;      // __GFP_KSWAPD_RECLAIM
  bool reclaims = true;          // __GFP_DIRECT_RECLAIM
  bool one_try = false;          // __GFP_NORETRY: one round of reclaim, no OOM
  bool may_fail = false;         // __GFP_RETRY_MAYFAIL: several, no OOM
  bool high = false;             // __GFP_HIGH
  bool spares_reserves = false;  // __GFP_NOMEMALLOC
  bool oom_victim = false;       // TIF_MEMDIE

  // GFP_HIGHUSER_MOVABLE: pages of user mappings and of the page cache.
  static constexpr Request user(unsigned order) { return {.order = order}; }
  // GFP_KERNEL: page tables and other structures of the kernel.
  static constexpr Request kernel(unsigned order) {
    return {.order = order, .type = MigrateType::Unmovable, .highest = ZoneKind::Normal};
  }
  // GFP_ATOMIC: from interrupts.
  static constexpr Request atomic(unsigned order) {
    return {.order = order,
            .type = MigrateType::Unmovable,
            .highest = ZoneKind::Normal,
            .reclaims = false,
            .high = true};
  }
};

}  // namespace ft::sim::phys
