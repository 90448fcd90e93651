// A memory map as CSV: the regions where the map has them, else the subsystems. Unknown figures are
// empty cells.
#pragma once

#include <string>

#include "report/model/memory_map.h"

namespace ft::report::csv {

enum class MapTable : std::uint8_t { Subsystems, Regions };

std::string render(const model::MemoryMap& map, MapTable table);

}  // namespace ft::report::csv
