// FrameSource gives out page frames. The exact part of the model only needs frames that are
// distinct; the buddy allocator implements the same interface with zones, orders and nodes.
#pragma once

#include <cstdint>
#include <optional>

namespace ft::sim::phys {

using Pfn = std::uint64_t;

// What a block is for: decides migratetype and gfp flags as the kernel would choose them.
enum class FrameUse : std::uint8_t { PageTable, Anonymous, PageCache };

class FrameSource {
 public:
  virtual ~FrameSource() = default;

  // A block of 2^order frames, aligned to its order. Empty when there is none: that is the
  // simulated kernel's outcome, not our error.
  virtual std::optional<Pfn> allocate(unsigned order, FrameUse use) = 0;

  // REQUIRES: `first` came from allocate(order) and is not free already.
  virtual void free(Pfn first, unsigned order) = 0;
};

}  // namespace ft::sim::phys
