// The machines that need no file: built in, and this host.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "host/host_files.h"
#include "sim/profile/machine_profile.h"

namespace ft::sim::profile {

struct KnownMachine {
  std::string_view name;
  std::string_view description;
};
// "host" first.
std::span<const KnownMachine> known_machines();

// The text of one that is built in, as parse_machine reads it; empty for others.
std::string_view built_in(std::string_view name);

// By name, or a file where the name holds a '.' or a '/'. Errors: as parse_machine; no such
// machine, with the names there are.
Result<MachineProfile> load_machine(const std::string& name_or_file);

// This host as it stands: nodes and distances from hwloc, zones and free blocks from /proc, its
// settings. A processor that is not in the table of cores is told in `source`. Errors: what cannot
// be read, and what the model does not take.
Result<MachineProfile> probe_host(const host::HostFiles& files);

}  // namespace ft::sim::profile
