// FrameTable is the description of every frame of a simulated machine, by number: the kernel's
// memmap. Memory is taken from the host only where frames were used.
#pragma once

#include <cstdint>

#include "sim/phys/frame.h"

namespace ft::sim::phys {

// Frames that are there in every machine and belong to nobody.
inline constexpr Pfn kZeroPage = 1;                            // empty_zero_page
inline constexpr Pfn kHugeZeroPage = 512;                      // huge_zero_folio
inline constexpr Pfn kFirstUsable = 1024;                      // behind them
inline constexpr std::uint64_t kDefaultFrames = 16ULL << 20U;  // 64 GiB
inline constexpr std::uint64_t kMostFrames = 1ULL << 30U;      // 4 TiB

class FrameTable {
 public:
  // REQUIRES: kFirstUsable < frames <= kMostFrames.
  explicit FrameTable(std::uint64_t frames);
  ~FrameTable();
  FrameTable(const FrameTable&) = delete;
  FrameTable& operator=(const FrameTable&) = delete;

  // REQUIRES: pfn < size().
  Frame& operator[](Pfn pfn) { return frames_[pfn]; }
  const Frame& operator[](Pfn pfn) const { return frames_[pfn]; }
  std::uint64_t size() const { return size_; }

 private:
  Frame* frames_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace ft::sim::phys
