// What `replay` and `validate` print of kernel mm time: recorded, by costs, predicted.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "replay.h"
#include "sim/cost/forecast.h"

namespace ft::app::what_if {

// Empty where neither the recording nor a machine says what anything takes.
std::vector<Row> time_rows(const sim::cost::Basis& basis, const sim::cost::Forecast& predicted);

// By part; with `predicted`, what a changed start would take as well.
std::string time_text(const sim::cost::Basis& basis, const sim::cost::Forecast* predicted);
nlohmann::ordered_json time_json(const sim::cost::Basis& basis,
                                 const sim::cost::Forecast* predicted);

// Of a line of a sweep: its prediction alone.
nlohmann::ordered_json time_json(const sim::cost::Forecast& predicted);

// For a column: "12.5 ms", ">12.5 ms" where costs are missing, "-" where nothing is known.
std::string time_word(const sim::cost::Forecast& predicted);

}  // namespace ft::app::what_if
