#include "base/byte_size.h"

#include "base/text.h"

namespace ft {

std::optional<std::uint64_t> parse_byte_size(std::string_view text) {
  if (text.empty()) return std::nullopt;
  constexpr std::string_view kUnits = "kmgt";
  const char last = text.back() >= 'A' && text.back() <= 'Z'
                        ? static_cast<char>(text.back() - 'A' + 'a')
                        : text.back();
  unsigned shift = 0;
  if (const std::size_t unit = kUnits.find(last); unit != std::string_view::npos) {
    shift = 10 * (static_cast<unsigned>(unit) + 1);
    text.remove_suffix(1);
  }
  const auto number = parse_integer<std::uint64_t>(text);
  if (!number || *number > (~std::uint64_t{0} >> shift)) return std::nullopt;
  return *number << shift;
}

}  // namespace ft
