// Findings as JSON, for every document that has some.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "report/model/finding.h"

namespace ft::report::json {

// All of them, with their state: what was not evaluated is said too.
nlohmann::ordered_json findings_of(const std::vector<model::Finding>& findings);

}  // namespace ft::report::json
