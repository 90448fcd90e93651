#include "host/line_reader.h"

#include <limits>

#include "base/units.h"

namespace ft::host {

Result<std::uint64_t> parse_amount(const LineReader& at, std::string_view text) {
  skip_blanks(text);
  const std::string_view whole = text;
  const std::optional<std::uint64_t> number = take_number<std::uint64_t>(text);
  if (!number) return at.expected_at(whole, "a number");
  skip_blanks(text);
  if (text.empty()) return *number;
  if (!text.starts_with("kB")) return at.expected_at(text, "kB");
  const std::string_view unit = text;
  text.remove_prefix(2);
  skip_blanks(text);
  if (!text.empty()) return at.expected_at(text, "the end of the line");
  if (*number > std::numeric_limits<std::uint64_t>::max() / kKiB) {
    return at.fail_at(unit, "the size does not fit into 64 bits");
  }
  return *number * kKiB;
}

Result<std::uint64_t> parse_count(const LineReader& at, std::string_view text) {
  skip_blanks(text);
  const std::string_view whole = text;
  const std::optional<std::uint64_t> number = take_number<std::uint64_t>(text);
  if (!number) return at.expected_at(whole, "a number");
  skip_blanks(text);
  if (!text.empty()) return at.expected_at(text, "the end of the line");
  return *number;
}

}  // namespace ft::host
