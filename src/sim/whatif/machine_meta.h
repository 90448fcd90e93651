// What a machine says of a host, as recordings keep it.
#pragma once

#include <map>
#include <string>

#include "sim/profile/machine_profile.h"

namespace ft::sim::whatif {

// Facts the machine does not state stay as they are.
void set_meta(const profile::MachineProfile& machine, std::map<std::string, std::string>& meta);

}  // namespace ft::sim::whatif
