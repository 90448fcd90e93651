#include "host/line_reader.h"

#include <fmt/format.h>

#include <limits>

#include "base/check.h"
#include "base/units.h"

namespace ft::host {

namespace {

constexpr std::size_t kQuoted = 40;  // bytes of wrong input an error repeats

std::string excerpt(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  if (text.size() <= kQuoted) return printable(text);
  return printable(text.substr(0, kQuoted)) + "...";
}

}  // namespace

std::unexpected<Error> LineReader::fail_at(std::string_view where, std::string_view why) const {
  FT_CHECK(where.data() >= line_.data() && where.data() <= line_.data() + line_.size());
  const auto column = static_cast<std::size_t>(where.data() - line_.data()) + 1;
  return fail(fmt::format("{}:{}:{}", name_, number_, column), std::string(why));
}

std::unexpected<Error> LineReader::expected_at(std::string_view where,
                                               std::string_view expected) const {
  const std::string found = where.empty() ? "the end of the line" : "'" + excerpt(where) + "'";
  return fail_at(where, fmt::format("expected {}, found {}", expected, found));
}

std::unexpected<Error> LineReader::fail_text(std::string_view why) const {
  return fail(std::string(name_), std::string(why));
}

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
