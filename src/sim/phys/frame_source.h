// FrameSource gives out page frames. The exact part of the model only needs frames that are
// distinct; the buddy allocator implements the same interface with zones, orders and nodes.
#pragma once

#include <cstdint>

#include "sim/phys/frame.h"
#include "sim/phys/frame_table.h"

namespace ft::sim::phys {

// What a block is for: decides migratetype and gfp flags as the kernel would choose them.
// Hugetlb: a page of a pool that was filled before.
enum class FrameUse : std::uint8_t { PageTable, Anonymous, PageCache, Hugetlb };

// The place that user memory is about to be allocated for.
struct WantedPlace {
  std::uint64_t address = 0;
  std::uint64_t area_start = 0;
  std::uint64_t page_offset = 0;  // of the area: vm_pgoff
  bool advised = false;           // MADV_HUGEPAGE
};

class FrameSource {
 public:
  explicit FrameSource(std::uint64_t frames = kDefaultFrames) : table_(frames) {}
  virtual ~FrameSource() = default;
  FrameSource(const FrameSource&) = delete;
  FrameSource& operator=(const FrameSource&) = delete;

  // A block of 2^order frames, aligned to its order. Empty when there is none: that is the
  // simulated kernel's outcome, not our error. Whoever takes it describes its frames.
  virtual MaybeFrame allocate(unsigned order, FrameUse use) = 0;

  // REQUIRES: `first` came from allocate(order) and is not free already.
  virtual void free(Pfn first, unsigned order) = 0;

  // Before the allocations of a fault; lasts until the next. Who decides on nodes reads it.
  void want(const WantedPlace& place) { wanted_ = place; }
  const WantedPlace& wanted() const { return wanted_; }

  FrameTable& frames() { return table_; }
  const FrameTable& frames() const { return table_; }

 private:
  FrameTable table_;
  WantedPlace wanted_;
};

}  // namespace ft::sim::phys
