// What differs between two groups of recordings, as JSON.
#pragma once

#include <string>

#include "report/json/layout.h"
#include "report/model/difference.h"

namespace ft::report::json {

std::string render(const model::Difference& difference, Layout layout = Layout::Indented);

}  // namespace ft::report::json
