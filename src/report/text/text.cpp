#include "report/text/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/text/sections.h"
#include "report/text/table.h"

namespace ft::report::text {

namespace {

constexpr std::size_t kNarrowest = 60;

}  // namespace

std::string Page::heading(std::string_view title) const {
  return "\n" + style(Style::Heading, title) + "\n";
}

std::string Page::wrapped(std::string_view text, std::size_t indent) const {
  std::string out;
  std::size_t column = 0;
  for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
    const std::size_t length = shown_width(word);
    if (column > 0 && column + 1 + length > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > 0) {
      out += " ";
      ++column;
    } else {
      out += std::string(indent, ' ');
      column = indent;
    }
    out += word;
    column += length;
  }
  return out + "\n";
}

std::string counted(model::Count count, std::string_view one) {
  return fmt::format("{} {}{}", grouped(count), one, count == 1 ? "" : "s");
}

std::string percent(double share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return fmt::format("{:.1f} %", 100 * share);
}

std::string bytes_or_unknown(const model::Known<model::Bytes>& bytes) {
  return bytes ? human_bytes(*bytes) : std::string("not known");
}

std::string time_or_unknown(const model::Known<Nanoseconds>& time) {
  return time ? human_duration(*time) : std::string("not known");
}

std::string count_or_unknown(const model::Known<model::Count>& count) {
  return count ? grouped(*count) : std::string("not known");
}

std::string render(const model::Report& report, const TextOptions& options) {
  const Page page{report, Styler(options.colours),
                  std::max<std::size_t>(options.width, kNarrowest)};
  std::string out = first_screen(page);
  out += stages_section(page);
  out += memory_section(page);
  out += working_sets_section(page);
  out += calls_section(page);
  out += faults_section(page);
  out += kernel_section(page);
  out += counters_section(page);
  out += threads_section(page);
  out += trust_section(page);
  return out;
}

}  // namespace ft::report::text
