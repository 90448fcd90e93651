// What the kernel will do next, from its own rules and the figures they work on: when kswapd wakes,
// when allocating threads reclaim for themselves, when a control group or the host runs out, what a
// request for a huge page meets. In words, with the numbers.
//
// The rules are those of mm/page_alloc.c (zone watermarks, lowmem reserves, the order of zones) and
// mm/memcontrol.c; docs/watch.md tells what is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "host/host_memory.h"
#include "report/model/watch.h"

namespace ft::analysis {

// REQUIRES: the other parts of `watch` are filled in. `nodes`: those the process may use; empty:
// all. Nearest first.
std::vector<report::model::NextStep> forecast(const report::model::Watch& watch,
                                              const host::MemorySettings& settings,
                                              const std::vector<std::uint32_t>& nodes);

}  // namespace ft::analysis
