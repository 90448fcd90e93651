#include "jvm/line_reader.h"

#include <limits>

namespace ft::jvm {

namespace {

std::optional<std::uint64_t> take_hex(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  if (text.starts_with("0x")) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

std::optional<AddressRange> take_address_range(std::string_view& text) {
  std::string_view rest = text;
  const auto start = take_hex(rest);
  if (!start) return std::nullopt;
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (!rest.starts_with('-')) return std::nullopt;
  rest.remove_prefix(1);
  const auto end = take_hex(rest);
  if (!end || *end < *start) return std::nullopt;
  text = rest;
  return AddressRange{*start, *end};
}

std::optional<std::uint64_t> parse_scaled(std::string_view text) {
  std::uint64_t unit = 1;
  if (text.ends_with('B')) text.remove_suffix(1);
  if (!text.empty()) {
    switch (text.back()) {
      case 'K':
        unit = kKiB;
        break;
      case 'M':
        unit = kMiB;
        break;
      case 'G':
        unit = kGiB;
        break;
      case 'T':
        unit = 1024 * kGiB;
        break;
      default:
        break;
    }
    if (unit != 1) text.remove_suffix(1);
  }
  const auto value = parse_integer<std::uint64_t>(text);
  if (!value || *value > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  return *value * unit;
}

}  // namespace ft::jvm
