// LineReader walks a text line by line and knows where it is, so that every parser of this folder
// can say "smaps:17:9" when something is wrong there.
//
// Errors of these parsers: what = name:line:column (both from 1), why = what was expected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/text.h"

namespace ft::host {

class LineReader {
 public:
  // `name` is what errors call the text. Both outlive the reader.
  LineReader(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  // The next line, without its end; false at the end of the text.
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++number_;
    line = line_;
    return true;
  }

  // All that is left, as one line: for texts whose line ends mean nothing.
  std::string_view take_all() {
    line_ = rest_;
    rest_ = {};
    ++number_;
    return line_;
  }

  // An error at `where`, a part of the current line.
  std::unexpected<Error> fail_at(std::string_view where, std::string_view why) const;

  // The same, with the wrong text quoted (cut where it is long): "expected a number, found 'x'".
  std::unexpected<Error> expected_at(std::string_view where, std::string_view expected) const;

  // An error that concerns the text as a whole.
  std::unexpected<Error> fail_text(std::string_view why) const;

 private:
  std::string_view rest_;
  std::string_view line_;
  std::string_view name_;
  std::size_t number_ = 0;
};

// Takes a number off the front of `rest`; nothing (and `rest` untouched) where there is none, or
// one that does not fit.
template <typename Integer>
std::optional<Integer> take_number(std::string_view& rest, int base = 10) {
  Integer value{};
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (error != std::errc{}) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return value;
}

inline bool take_char(std::string_view& rest, char c) {
  if (rest.empty() || rest.front() != c) return false;
  rest.remove_prefix(1);
  return true;
}

inline void skip_blanks(std::string_view& rest) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
}

// "123 kB" (as bytes) or "123" (as it is), blanks around allowed. Fails at what is malformed or
// does not fit into 64 bits.
Result<std::uint64_t> parse_amount(const LineReader& at, std::string_view text);

// A plain number, blanks around allowed.
Result<std::uint64_t> parse_count(const LineReader& at, std::string_view text);

}  // namespace ft::host
