// What `replay` prints of a start with less memory: whether it fits, what would be reclaimed, whom
// the OOM killer ends.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sim/whatif/memory_limits.h"

namespace ft::app::what_if {

std::string limits_text(const sim::whatif::LimitFigures& figures);
nlohmann::ordered_json limits_json(const sim::whatif::LimitFigures& figures);
// For a table: "fits", "swaps 12 MiB", "killed at 120 ms".
std::string limits_word(const sim::whatif::LimitFigures& figures);

}  // namespace ft::app::what_if
