#include "host/number_table.h"

#include "host/line_reader.h"

namespace ft::host {

Result<NumberTable> parse_meminfo(std::string_view text, std::string_view name) {
  NumberTable table;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    if (trim(line).empty()) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return lines.expected_at(line, "a line such as MemTotal: 1 kB");
    }
    table.add(line.substr(0, colon), FT_TRY(parse_amount(lines, line.substr(colon + 1))));
  }
  return table;
}

Result<NumberTable> parse_counters(std::string_view text, std::string_view name) {
  NumberTable table;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    std::string_view rest = line;
    const std::string_view key = take_word(rest);
    if (key.empty()) continue;
    table.add(key, FT_TRY(parse_count(lines, rest)));
  }
  return table;
}

}  // namespace ft::host
