// What differs between two groups of recordings, as JSON.
#pragma once

#include <string>

#include "report/model/difference.h"

namespace ft::report::json {

std::string render(const model::Difference& difference);

}  // namespace ft::report::json
