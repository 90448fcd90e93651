// Sizes and times as the whole project counts them: bytes, nanoseconds, 4 KiB base pages.
#pragma once

#include <cstdint>

namespace ft {

using Nanoseconds = std::int64_t;

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

inline constexpr unsigned kPageShift = 12;
inline constexpr std::uint64_t kPageSize = 1ULL << kPageShift;
inline constexpr std::uint64_t kHugePageSize = 2 * kMiB;

constexpr std::uint64_t page_floor(std::uint64_t address) {
  return address & ~(kPageSize - 1);
}

// REQUIRES: bytes <= 2^64 - 4096.
constexpr std::uint64_t page_ceil(std::uint64_t bytes) {
  return (bytes + kPageSize - 1) & ~(kPageSize - 1);
}

}  // namespace ft
