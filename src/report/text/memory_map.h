// A memory map for people at a terminal: by subsystem, by region where that was asked for, then how
// the sums agree with the kernel's, and remarks.
#pragma once

#include <string>

#include "report/model/memory_map.h"
#include "report/text/text.h"

namespace ft::report::text {

enum class MapRegions : bool { No, Yes };

// Every string that came from outside is disarmed.
std::string render(const model::MemoryMap& map, MapRegions regions,
                   const TextOptions& options = {});

}  // namespace ft::report::text
