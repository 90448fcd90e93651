// A line of text in parts that look alike, for whoever shows it: a stream with escape codes, or a
// screen with attributes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/terminal.h"

namespace ft::report::text {

// Printable text only.
struct Span {
  std::string text;
  std::optional<Style> style;
};

using StyledLine = std::vector<Span>;

// Columns it takes.
std::size_t shown_width(const StyledLine& line);

// With the codes of a terminal, or without; no newline.
std::string with_codes(const StyledLine& line, const Styler& style);

// `text` broken at blanks into lines of at most `width` columns: the first begins with `first`, the
// others with as many blanks.
std::vector<StyledLine> wrapped_lines(std::string_view text, std::size_t width, const Span& first);

}  // namespace ft::report::text
