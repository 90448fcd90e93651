// Machine files: a MachineProfile as TOML (docs/machine.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sim/profile/machine_profile.h"

namespace ft::sim::profile {

inline constexpr std::size_t kLargestMachineFile = 1024 * 1024;

// `file`: what errors call it. Every error has the place, the key and what is allowed there.
Result<MachineProfile> parse_machine(std::string_view text, std::string_view file = "machine");

// What a cost may be of, each in nanoseconds.
std::vector<std::string_view> cost_names();

}  // namespace ft::sim::profile
