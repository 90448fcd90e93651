// The physical memory of the host that a recording was made on, as its snapshots show it.
#pragma once

#include <string_view>

#include "base/result.h"
#include "event/trace.h"
#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/memory_plan.h"

namespace ft::sim::whatif {

// Zones and free blocks of the first snapshot; where there is none, memory of the host's size, all
// of it free. Errors: as replay::host_memory; nothing says how much memory there was.
Result<void> use_recorded_memory(const event::Trace& trace, std::string_view release,
                                 MemoryPlan& plan, Notes& notes);

}  // namespace ft::sim::whatif
