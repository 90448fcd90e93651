#include "report/text/table.h"

#include <algorithm>

#include "base/check.h"

namespace ft::report::text {

namespace {

constexpr std::size_t kIndent = 2;
constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 12;

bool starts_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
}

std::string padded(const std::string& text, std::size_t width, Align align) {
  const std::size_t shown = shown_width(text);
  const std::string blanks(width > shown ? width - shown : 0, ' ');
  return align == Align::Left ? text + blanks : blanks + text;
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::size_t shown_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_code_point));
}

std::string shortened(std::string_view text, std::size_t width) {
  if (text.size() <= width || shown_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t end = 0;
  for (std::size_t shown = 0; end < text.size(); ++end) {
    if (starts_code_point(text[end]) && shown++ == width - 1) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

void Table::add(std::vector<std::string> cells) {
  FT_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

void Table::add_rule() {
  rows_.emplace_back();
}

std::vector<std::size_t> Table::widths(std::size_t limit) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = shown_width(columns_[c].title);
    for (const auto& row : rows_) {
      if (!row.empty()) width = std::max(width, shown_width(row[c]));
    }
    widths.push_back(width);
  }
  std::size_t total = kIndent + kGap * (columns_.size() - 1);
  for (const std::size_t width : widths) total += width;
  for (const Cut turn : {Cut::First, Cut::Last}) {
    while (total > limit) {
      std::size_t widest = columns_.size();
      for (std::size_t c = 0; c < columns_.size(); ++c) {
        if (columns_[c].cut != turn || widths[c] <= kNarrowest) continue;
        if (widest == columns_.size() || widths[c] > widths[widest]) widest = c;
      }
      if (widest == columns_.size()) break;  // nothing more to give
      --widths[widest];
      --total;
    }
  }
  return widths;
}

std::string Table::render(std::size_t limit, const Styler& style) const {
  const std::vector<std::size_t> width = widths(limit);
  const auto line_of = [&](const auto& cell) {
    std::string line(kIndent, ' ');
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) line.append(kGap, ' ');
      line += padded(shortened(cell(c), width[c]), width[c], columns_[c].align);
    }
    return without_trailing_blanks(std::move(line));
  };
  std::size_t total = kGap * (columns_.size() - 1);
  for (const std::size_t w : width) total += w;
  std::string rule;
  for (std::size_t i = 0; i < total; ++i) rule += "─";

  std::string out = style(Style::Faint, line_of([&](std::size_t c) { return columns_[c].title; }));
  out += "\n";
  for (const auto& row : rows_) {
    if (row.empty())
      out += "  " + style(Style::Faint, rule) + "\n";
    else
      out += line_of([&](std::size_t c) { return row[c]; }) + "\n";
  }
  return out;
}

}  // namespace ft::report::text
