#include "arch/pagemap.h"

#include "base/check.h"

namespace ft::arch {

namespace {

constexpr unsigned kFrameBits = 55;
constexpr std::uint64_t kFrameMask = (1ULL << kFrameBits) - 1;
constexpr unsigned kSwapTypeBits = 5;
constexpr std::uint64_t kSwapTypeMask = (1ULL << kSwapTypeBits) - 1;
constexpr std::uint64_t kUnusedMask = 3ULL << 59U;

constexpr bool bit(std::uint64_t word, unsigned number) {
  return ((word >> number) & 1U) != 0;
}
constexpr std::uint64_t as_bit(bool set, unsigned number) {
  return std::uint64_t{set} << number;
}

}  // namespace

PagemapWord decode_pagemap(std::uint64_t word) {
  PagemapWord page{.present = bit(word, 63),
                   .swapped = bit(word, 62),
                   .file_or_shared = bit(word, 61),
                   .guard = bit(word, 58),
                   .uffd_write_protected = bit(word, 57),
                   .exclusive = bit(word, 56),
                   .soft_dirty = bit(word, 55),
                   .unused = word & kUnusedMask};
  if (page.swapped) {
    page.swap_type = static_cast<unsigned>(word & kSwapTypeMask);
    page.swap_offset = (word & kFrameMask) >> kSwapTypeBits;
  } else {
    page.frame = word & kFrameMask;
  }
  return page;
}

std::uint64_t encode_pagemap(const PagemapWord& word) {
  FT_CHECK(word.frame <= kFrameMask && word.swap_type <= kSwapTypeMask);
  FT_CHECK(word.swap_offset <= kFrameMask >> kSwapTypeBits);
  FT_CHECK((word.unused & ~kUnusedMask) == 0);
  const std::uint64_t place =
      word.swapped ? word.swap_offset << kSwapTypeBits | word.swap_type : word.frame;
  return place | as_bit(word.present, 63) | as_bit(word.swapped, 62) |
         as_bit(word.file_or_shared, 61) | as_bit(word.guard, 58) |
         as_bit(word.uffd_write_protected, 57) | as_bit(word.exclusive, 56) |
         as_bit(word.soft_dirty, 55) | word.unused;
}

}  // namespace ft::arch
