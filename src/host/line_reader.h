// What the parsers of /proc texts share: taking numbers and amounts off the front of a line.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/line_reader.h"
#include "base/result.h"

namespace ft::host {

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
