// What the parsers of the JVM's own reports share: address ranges and scaled sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/line_reader.h"
#include "base/range.h"

namespace ft::jvm {

// Takes "0x<hex> - 0x<hex>" off the front of `text`; nothing where it is something else or
// backwards. Blanks around the dash and the prefix 0x may be missing.
std::optional<AddressRange> take_address_range(std::string_view& text);

// "128M", "5692K", "8G", "12B", "12": bytes. Nothing where it is something else or does not fit.
std::optional<std::uint64_t> parse_scaled(std::string_view text);

}  // namespace ft::jvm
