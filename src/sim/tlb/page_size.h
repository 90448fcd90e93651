// The page sizes a TLB tells apart, and sets of them. Source: Intel SDM volume 3, "Paging"; the
// 64-bit Arm cores of the table have the same three with a 4 KiB granule.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace ft::sim::tlb {

enum class PageSize : std::uint8_t { Small, Large, Giant };  // 4 KiB, 2 MiB, 1 GiB

inline constexpr unsigned kPageSizes = 3;
inline constexpr std::array<PageSize, kPageSizes> kAllPageSizes = {PageSize::Small, PageSize::Large,
                                                                   PageSize::Giant};

constexpr unsigned index_of(PageSize size) {
  return static_cast<unsigned>(size);
}
constexpr unsigned shift_of(PageSize size) {
  return 12 + 9 * index_of(size);
}
constexpr std::uint64_t bytes_of(PageSize size) {
  return std::uint64_t{1} << shift_of(size);
}
constexpr std::string_view name_of(PageSize size) {
  constexpr std::array<std::string_view, kPageSizes> kNames = {"4K", "2M", "1G"};
  return kNames[index_of(size)];
}

// Which sizes one array holds.
class PageSizes {
 public:
  constexpr PageSizes() = default;
  constexpr PageSizes(std::initializer_list<PageSize> sizes) {
    for (const PageSize size : sizes) bits_ |= bit(size);
  }
  constexpr void add(PageSize size) { bits_ |= bit(size); }
  constexpr bool has(PageSize size) const { return (bits_ & bit(size)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const PageSizes&) const = default;

 private:
  static constexpr unsigned bit(PageSize size) { return 1U << index_of(size); }
  unsigned bits_ = 0;
};

}  // namespace ft::sim::tlb
