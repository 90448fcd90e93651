#include "report/text/styled_line.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "report/text/table.h"

namespace ft::report::text {

std::size_t shown_width(const StyledLine& line) {
  std::size_t width = 0;
  for (const Span& span : line) width += shown_width(std::string_view(span.text));
  return width;
}

std::string with_codes(const StyledLine& line, const Styler& style) {
  std::string out;
  for (const Span& span : line) out += span.style ? style(*span.style, span.text) : span.text;
  return out;
}

std::vector<StyledLine> wrapped_lines(std::string_view text, std::size_t width, const Span& first) {
  constexpr std::size_t kNarrowest = 10;
  const std::size_t indent = shown_width(std::string_view(first.text));
  const std::size_t room = std::max(width > indent ? width - indent : 0, kNarrowest);
  std::vector<StyledLine> lines;
  std::string line;
  const auto put = [&] {
    const Span start = lines.empty() ? first : Span{std::string(indent, ' '), {}};
    lines.push_back({start, {std::exchange(line, {}), {}}});
  };
  for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
    const bool fits = shown_width(std::string_view(line)) + 1 + shown_width(word) <= room;
    if (!line.empty() && !fits) put();
    if (!line.empty()) line += ' ';
    line += shortened(word, room);
  }
  if (!line.empty() || lines.empty()) put();
  return lines;
}

}  // namespace ft::report::text
