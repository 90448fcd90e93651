// What differs between two groups of recordings, as text.
#pragma once

#include <string>

#include "report/model/difference.h"
#include "report/text/text.h"

namespace ft::report::text {

// The start as a whole, then what changed most, by part: `most` rows of bytes, of times and of
// counts.
std::string render_difference(const model::Difference& difference, const TextOptions& options,
                              std::size_t most);

}  // namespace ft::report::text
