// A memory map as watch shows it: the subsystems alone.
#pragma once

#include "report/model/memory_map.h"
#include "report/model/watch.h"

namespace ft::analysis {

// Subsystems whose resident memory is known; what is mapped twice counts once. Growth and age are
// the caller's to add.
report::model::SubsystemsView subsystems_of(const report::model::MemoryMap& map);

}  // namespace ft::analysis
