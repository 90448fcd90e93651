// A half-open range of addresses [start, end). Empty when start == end.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

namespace ft {

struct AddressRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;

  // REQUIRES: start + size does not wrap.
  static constexpr AddressRange of_size(std::uint64_t start, std::uint64_t size) {
    return {start, start + size};
  }

  constexpr std::uint64_t size() const { return end - start; }
  constexpr bool empty() const { return start >= end; }
  constexpr bool contains(std::uint64_t address) const { return address >= start && address < end; }
  constexpr bool contains(AddressRange other) const {
    return !other.empty() && other.start >= start && other.end <= end;
  }
  constexpr bool overlaps(AddressRange other) const {
    return std::max(start, other.start) < std::min(end, other.end);
  }
  // Empty (start == end) where the two do not overlap.
  constexpr AddressRange intersection(AddressRange other) const {
    const std::uint64_t from = std::max(start, other.start);
    return {from, std::max(from, std::min(end, other.end))};
  }

  constexpr auto operator<=>(const AddressRange&) const = default;
};

}  // namespace ft
