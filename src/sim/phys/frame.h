// Frame is what the model knows of one page frame, as struct page and struct folio of
// include/linux/mm_types.h: what it holds, how often it is mapped, of how large a block it is part.
#pragma once

#include <cstdint>
#include <optional>

namespace ft::sim::phys {

using Pfn = std::uint64_t;

inline constexpr unsigned kHugeOrder = 9;  // 2 MiB

enum class FrameKind : std::uint8_t {
  Free,
  Reserved,
  PageTable,
  Anonymous,
  File,
  Shmem,
  Hugetlb,
  Zero,
};

// Bits of Frame::flags.
inline constexpr std::uint8_t kExclusive = 1;   // PG_anon_exclusive: only one process may see it
inline constexpr std::uint8_t kCached = 2;      // the page cache holds it too
inline constexpr std::uint8_t kLazilyFree = 4;  // MADV_FREE: anonymous, not PG_swapbacked
inline constexpr std::uint8_t kWritten = 8;     // part of a block, and no longer all zero

struct Frame {
  // By kind. Free: its neighbours on a free list. PageTable: where its entries are. Otherwise, in
  // the first frame of a block of order > 0: how many entries of any level map any part of the
  // block.
  std::uint64_t word = 0;
  std::uint32_t map_count = 0;  // entries that map this very frame; in a block, pte entries only
  FrameKind kind = FrameKind::Free;
  std::uint8_t order = 0;  // of the block it is part of; blocks are aligned to their order
  std::uint8_t flags = 0;
  std::uint8_t list = 0;  // which free list a free block is on: phys/free_list.h; 0: none
};
static_assert(sizeof(Frame) == 16);

// A frame, or none: std::optional in one register, which returning one is not with g++ 12. Frame 0
// is never given out.
class MaybeFrame {
 public:
  constexpr MaybeFrame(std::nullopt_t) {}       // NOLINT(google-explicit-constructor)
  constexpr MaybeFrame(Pfn pfn) : pfn_(pfn) {}  // NOLINT(google-explicit-constructor)
  constexpr MaybeFrame(std::optional<Pfn> pfn)  // NOLINT(google-explicit-constructor)
      : pfn_(pfn.value_or(0)) {}

  constexpr explicit operator bool() const { return pfn_ != 0; }
  constexpr Pfn operator*() const { return pfn_; }
  constexpr operator std::optional<Pfn>() const {  // NOLINT(google-explicit-constructor)
    return pfn_ != 0 ? std::optional(pfn_) : std::nullopt;
  }

 private:
  Pfn pfn_ = 0;
};

// The first frame of the block that `pfn` is part of.
constexpr Pfn head_of(Pfn pfn, unsigned order) {
  return pfn >> order << order;
}

}  // namespace ft::sim::phys
