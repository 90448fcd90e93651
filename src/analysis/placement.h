// On which nodes the memory of each part of the recorded process lies, as the kernel tells it in
// /proc/PID/numa_maps.
#pragma once

#include <cstdint>
#include <map>

#include "base/result.h"
#include "jvm/subsystem.h"

namespace ft::analysis {

class Passes;

using BytesByNode = std::map<std::uint32_t, std::uint64_t>;

// From the subject's last snapshot of numa_maps. Fails where there is none.
Result<std::map<jvm::Subsystem, BytesByNode>> placement_at_end(const Passes& passes);

}  // namespace ft::analysis
