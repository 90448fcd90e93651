// The machine file (docs/machine.md) that a calibration writes.
#pragma once

#include <string>
#include <vector>

#include "sim/profile/machine_profile.h"

namespace ft::calibrate {

// ASCII, with the machine's name, nodes, distances, core and costs; settings of the kernel are left
// out, so that they stay as recorded. `left_out`: sentences about what is missing, as comments.
// parse_machine() reads back what the machine holds of these.
std::string machine_text(const sim::profile::MachineProfile& machine,
                         const std::vector<std::string>& left_out);

}  // namespace ft::calibrate
