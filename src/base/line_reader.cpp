#include "base/line_reader.h"

#include <fmt/format.h>

#include "base/check.h"

namespace ft {

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

}  // namespace ft
