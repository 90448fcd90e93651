// FrameStore is the plainest FrameSource: frames in rising order, then those that were given back,
// one list an order. It has no zones and merges nothing, so it says how many frames are in use, not
// where the kernel would have put them.
#pragma once

#include <array>
#include <cstdint>

#include "sim/phys/frame_source.h"

namespace ft::sim::phys {

inline constexpr unsigned kMostOrder = 18;  // 1 GiB, for hugetlb

class FrameStore : public FrameSource {
 public:
  // `frames`: of the whole machine, kFirstUsable of which are spoken for.
  explicit FrameStore(std::uint64_t frames = kDefaultFrames) : FrameSource(frames) {}

  // REQUIRES: order <= kMostOrder.
  MaybeFrame allocate(unsigned order, FrameUse use) override;
  void free(Pfn first, unsigned order) override;

  std::uint64_t frames_in_use() const { return in_use_; }

  void check() const;  // expensive: every free block is free, aligned and counted once

 private:
  void push(Pfn first, unsigned order);
  std::optional<Pfn> bump(unsigned order);
  std::optional<Pfn> split_larger(unsigned order);

  std::array<Pfn, kMostOrder + 1> free_ = {};  // first of each list; 0: empty
  Pfn next_ = kFirstUsable;                    // never given out from here on
  std::uint64_t in_use_ = 0;
};

}  // namespace ft::sim::phys
