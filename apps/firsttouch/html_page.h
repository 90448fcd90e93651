// report and diff --format html: one page of one recording, or of two laid over each other.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace ft::app {

// `top`: how many of the longest calls and faults to list. An empty path is standard output.
Result<void> print_html(std::span<const std::string> files, std::size_t top,
                        const std::string& output_path);

}  // namespace ft::app
