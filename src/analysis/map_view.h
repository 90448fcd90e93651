// What the user wants to see of a memory map, and in which order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "report/model/memory_map.h"

namespace ft::analysis {

enum class MapKey : std::uint8_t {
  Address,  // subsystems: in the order of their names' list
  Reserved,
  Committed,
  Resident,
  Dirty,
  Huge,
  Swapped,
  Shared,
  Tables,
  Faults,
};

inline constexpr std::array<std::string_view, 10> kMapKeyNames = {
    "address", "reserved", "committed", "resident", "dirty",
    "huge",    "swapped",  "shared",    "tables",   "faults"};

std::optional<MapKey> map_key_named(std::string_view name);

// Subsystems and regions, largest first; what is not known comes last, equals stay as they were.
void sort_subsystems(report::model::MemoryMap& map, MapKey key);
void sort_regions(report::model::MemoryMap& map, MapKey key);

// Leaves the rows of one subsystem; the total stays that of the whole process.
void keep_subsystem(report::model::MemoryMap& map, std::string_view name);

}  // namespace ft::analysis
