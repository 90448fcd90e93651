// Physical memory of a simulation that starts as a host stands: what /proc tells, as sim/phys takes
// it.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "host/buddyinfo.h"
#include "host/zoneinfo.h"
#include "sim/phys/memory_start.h"

namespace ft::sim::replay {

// `types` has only root; without it all free blocks count as movable. `node_of_cpu`: by CPU.
// `settings` and `rules`: of the host. Zones keep the watermarks that /proc/zoneinfo gives, with
// their boost. Errors: a zone the model does not have (HighMem), free blocks of an order beyond 10,
// and those of MemoryStart::validate.
Result<phys::MemoryStart> host_memory(std::span<const host::Zone> zones,
                                      std::span<const host::FreeBlocks> blocks,
                                      const host::PageTypeInfo* types,
                                      std::vector<phys::NodeId> node_of_cpu,
                                      const phys::WatermarkSettings& settings,
                                      phys::AllocatorRules rules);

}  // namespace ft::sim::replay
