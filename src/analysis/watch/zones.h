// Zones as watch shows them: free memory beside the watermarks, and how broken up it is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/buddyinfo.h"
#include "host/zoneinfo.h"
#include "report/model/watch.h"

namespace ft::analysis {

// The kernel's own index of external fragmentation for a request of one block of `order`
// (mm/vmstat.c __fragmentation_index), in thousandths: -1000 where a block is free; else from 0
// (there is not enough memory) to 1000 (there is enough, in pieces). 0 where nothing is free.
std::int64_t fragmentation_index(std::span<const std::uint64_t> blocks_by_order, unsigned order);

// Share of the free memory that lies in blocks smaller than `order`, in thousandths (mm/vmstat.c
// unusable_free_index). 1000 where nothing is free.
std::int64_t unusable_index(std::span<const std::uint64_t> blocks_by_order, unsigned order);

// Zones with memory, in the kernel's order: by node, lowest zone first.
std::vector<report::model::ZoneView> zone_views(std::span<const host::Zone> zones,
                                                std::span<const host::FreeBlocks> free_blocks);

}  // namespace ft::analysis
