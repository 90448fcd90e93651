// report and diff --format html: one page of one recording, or of two laid over each other.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace ft::app {

// Draws the recording of `before`, and that of `after` over it; what changed counts all of them.
// Of several runs a side the typical one is drawn.
// `top`: how many of the longest calls and faults to list. An empty path is standard output.
// REQUIRES: `before` is not empty; `after` may be.
Result<void> print_html(std::span<const std::string> before, std::span<const std::string> after,
                        std::size_t top, const std::string& output_path);

}  // namespace ft::app
