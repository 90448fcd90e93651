// Machine files: a MachineProfile as TOML (docs/machine.md).
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "sim/profile/machine_profile.h"

namespace ft::sim::profile {

inline constexpr std::size_t kLargestMachineFile = 1024 * 1024;

// `file`: what errors call it. Every error has the place, the key and what is allowed there.
Result<MachineProfile> parse_machine(std::string_view text, std::string_view file = "machine");

}  // namespace ft::sim::profile
