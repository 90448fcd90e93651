// BlockTally counts the blocks that a replay takes, by what they are for.
#pragma once

#include <array>
#include <cstdint>

#include "sim/phys/frame_source.h"

namespace ft::sim::whatif {

inline constexpr std::size_t kMostOrders = 19;

struct BlockTally {
  std::array<std::uint64_t, kMostOrders> anonymous = {};  // blocks for anonymous memory, by order
  std::array<std::uint64_t, kMostOrders> refused = {};    // of those asked for in vain
  std::uint64_t tables = 0;
  std::uint64_t hugetlb_bytes = 0;

  void count(unsigned order, phys::FrameUse use, bool got) {
    if (order >= kMostOrders) return;
    if (use == phys::FrameUse::Anonymous) ++(got ? anonymous : refused)[order];
    if (!got) return;
    if (use == phys::FrameUse::PageTable) ++tables;
    if (use == phys::FrameUse::Hugetlb) hugetlb_bytes += kBytesOfPage << order;
  }

 private:
  static constexpr std::uint64_t kBytesOfPage = 4096;
};

}  // namespace ft::sim::whatif
