// Small helpers for reading and printing text.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace ft {

// The whole of `text` as a number in `base`; nothing where any character is left over or the value
// does not fit.
template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text, int base = 10) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Takes the part before `separator` off the front of `rest` (all of it where there is none).
std::string_view take_until(std::string_view& rest, char separator);

// Takes the next run of non-blank characters off the front, leading blanks skipped.
std::string_view take_word(std::string_view& rest);

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

// "0x600000000"
std::string hex(std::uint64_t value);

// "8.0 GiB", "256.0 MiB", "4 KiB", "12 B": at most four significant digits.
std::string human_bytes(std::uint64_t bytes);

// "1.93 µs", "12.5 ms", "3 ns"
std::string human_duration(Nanoseconds duration);

// "1,234,567"
std::string grouped(std::uint64_t value);

// What a terminal may be shown of a string that came from anywhere: control characters, bidi
// overrides and invalid UTF-8 become \xNN.
std::string printable(std::string_view text);

}  // namespace ft
