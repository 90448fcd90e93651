// Refreshes of `watch` as comma-separated values: a heading once, then a line each. Columns are
// fixed for one kernel and one list of subsystems; a figure that is not known is empty.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "report/model/watch.h"

namespace ft::report::csv {

// `subsystems`: the names that get a column of resident bytes each.
std::string watch_heading(const model::Watch& watch, std::span<const std::string_view> subsystems);
std::string watch_row(const model::Watch& watch, std::span<const std::string_view> subsystems);

}  // namespace ft::report::csv
