// The sections of a machine file that tell what operations take: [cost_ns], [recorded_ns], their
// spreads, [measured_tlb] and [measured].
#pragma once

#include "base/result.h"
#include "sim/profile/costs.h"
#include "sim/profile/toml_view.h"

namespace ft::sim::profile {

// Each section and key may be missing. `nodes`: of the machine. Errors as parse_machine.
Result<MachineCosts> costs_of(TomlView& root, std::size_t nodes);

}  // namespace ft::sim::profile
