// Sizes as people write them for JVM flags and settings: "512m", "4g", "64K", "262144".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ft {

// Bytes; k, m, g and t are powers of 1024. Nothing where it is no such size, or beyond 2^64.
std::optional<std::uint64_t> parse_byte_size(std::string_view text);

}  // namespace ft
