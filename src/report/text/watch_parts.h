// What the views of watch are put together from. Of watch*.cpp only.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "report/model/watch.h"
#include "report/text/styled_line.h"
#include "report/text/table.h"
#include "report/text/watch.h"

namespace ft::report::text {

// The lines of one view.
class ViewLines {
 public:
  explicit ViewLines(std::size_t width) : width_(width) {}

  void heading(std::string_view title) {
    if (!lines_.empty()) lines_.emplace_back();
    lines_.push_back({{shortened(title, width_), Style::Heading}});
  }
  // "  label        figures": wrapped, the label in columns of its own.
  void fact(std::string_view label, std::string_view figures, std::optional<Style> style = {}) {
    constexpr int kLabel = 12;
    add(wrapped_lines(figures, width_, {fmt::format("  {:<{}}", label, kLabel), style}));
  }
  void remark(char mark, std::string_view words, std::optional<Style> style = {}) {
    add(wrapped_lines(words, width_, {fmt::format("  {} ", mark), style}));
  }
  void words(std::string_view text) { add(wrapped_lines(text, width_, {"  ", {}})); }
  void table(const Table& table) {
    std::string text = table.render(width_, Styler(Styler::Colours::Off));
    std::string_view rest = text;
    bool first = true;
    while (!rest.empty()) {
      const std::string_view line = take_until(rest, '\n');
      lines_.push_back({{std::string(line), first ? std::optional(Style::Faint) : std::nullopt}});
      first = false;
    }
  }
  std::size_t width() const { return width_; }
  std::vector<StyledLine> take() { return std::move(lines_); }

 private:
  void add(std::vector<StyledLine> lines) { std::ranges::move(lines, std::back_inserter(lines_)); }

  std::size_t width_;
  std::vector<StyledLine> lines_;
};

// The host's sizes in one line.
void add_host_line(const model::Watch& watch, ViewLines& lines);
// A warning where tasks are held up.
std::optional<Style> pressure_style(const model::MemoryPressure& pressure);

std::vector<StyledLine> host_view(const model::Watch& watch, const WatchTextOptions& options);
std::vector<StyledLine> zones_view(const model::Watch& watch, const WatchTextOptions& options);
std::vector<StyledLine> groups_view(const model::Watch& watch, const WatchTextOptions& options);

}  // namespace ft::report::text
