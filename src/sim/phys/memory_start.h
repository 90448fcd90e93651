// MemoryStart is the physical memory of a machine before a simulation begins: zones, what of them
// is free in which blocks, and the settings. Plain data, from a host's /proc or from wishes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "sim/phys/buddy_allocator.h"
#include "sim/phys/rules.h"
#include "sim/phys/watermarks.h"
#include "sim/phys/zone.h"

namespace ft::sim::phys {

struct CpuListStart {
  std::uint32_t cpu = 0;
  std::uint64_t pages = 0;
  std::uint64_t high = 0;
};

struct ZoneStart {
  ZoneShape shape;
  // Everything that is managed is free.
  bool all_free = true;
  // Otherwise: free blocks by migratetype and order; the rest is in use by others, for good.
  BlockCounts free = {};
  std::vector<CpuListStart> cpu_lists;
  // Where they are known; otherwise computed.
  std::optional<Watermarks> marks;
};

struct MemoryStart {
  std::vector<ZoneStart> zones;           // by node, then from low to high kind
  std::vector<NodeId> node_of_cpu = {0};  // by CPU
  // By node: all nodes with memory in the order in which requests fall back to them. Empty: the
  // own one, then by number, around the end.
  std::vector<std::vector<NodeId>> fallback_order;
  WatermarkSettings settings;
  AllocatorRules rules;

  // An error says what is wrong with it: overlapping or empty zones, more managed than present, a
  // CPU of no node, more frames than the model takes.
  Result<void> validate() const;
};

struct NodeSize {
  std::uint64_t bytes = 0;
  std::uint64_t cpus = 0;
};

// The zones that Linux on x86-64 makes of nodes of these sizes, one behind the other, without
// holes: DMA below 16 MiB, DMA32 below 4 GiB, Normal above. The 64 bytes a frame that the kernel
// spends on struct page are not managed. All of it free. Errors: a node without memory or not of
// whole 4 MiB, no CPU at all, more memory than the model takes.
Result<MemoryStart> plain_memory(std::span<const NodeSize> nodes);

// Where the free blocks of a zone are put, so that their numbers are as asked for and no two of
// them would merge.
struct PlacedBlock {
  Pfn first = 0;
  unsigned order = 0;
  MigrateType type = MigrateType::Movable;
};
struct BlockLayout {
  std::vector<PlacedBlock> blocks;
  std::optional<PfnRange> untouched;  // movable blocks of the largest order
  PfnRange in_use;                    // behind the placed blocks: nothing free in it
};
// Errors: they do not fit into the zone.
Result<BlockLayout> lay_out(const ZoneStart& zone);

}  // namespace ft::sim::phys
