// A memory map as JSON, for scripts. The keys of docs/cli.md are a contract; others may be added.
// Unknown figures are null, and "missing" says why.
#pragma once

#include <string>

#include "report/model/memory_map.h"

namespace ft::report::json {

// ASCII only, as the report is. Ends in a newline.
std::string render(const model::MemoryMap& map);

}  // namespace ft::report::json
