// Table lays out rows of text in columns, by what a terminal shows of them: UTF-8 aware, no line
// wider than asked for where a column may be cut.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/terminal.h"

namespace ft::report::text {

// Columns a string takes, one for each code point.
std::size_t shown_width(std::string_view text);

// `text` in at most `width` columns, the end of what was cut marked with "…".
std::string shortened(std::string_view text, std::size_t width);

enum class Align : std::uint8_t { Left, Right };
// Which columns give up width when a table is too wide: all of First before any of Last.
enum class Cut : std::uint8_t { Never, First, Last };

struct Column {
  std::string title;
  Align align = Align::Right;
  Cut cut = Cut::Never;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns. Cells hold printable text only.
  void add(std::vector<std::string> cells);
  // A line of its own above the rows added from now on, for a sum.
  void add_rule();
  bool empty() const { return rows_.empty(); }

  // Every line indented by two and ended by a newline.
  std::string render(std::size_t width, const Styler& style) const;

 private:
  std::vector<std::size_t> widths(std::size_t limit) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // an empty one is a rule
};

}  // namespace ft::report::text
