// A refresh of `watch` for programs: one JSON object. Its keys are stable; docs/watch.md lists
// them.
#pragma once

#include <string>

#include "report/json/layout.h"
#include "report/model/watch.h"

namespace ft::report::json {

// Line: one object a line, for a stream of them. Indented: for a single one.
std::string render(const model::Watch& watch, Layout layout);
std::string render(const model::BeforeAfter& table, Layout layout);

}  // namespace ft::report::json
