// What free blocks are kept apart by: their size (order) and what the pages of their pageblock may
// be used for (migratetype), as include/linux/mmzone.h.
#pragma once

#include <array>
#include <cstdint>

namespace ft::sim::phys {

inline constexpr unsigned kMaxOrder = 10;  // MAX_PAGE_ORDER: 4 MiB, the largest block on a list
inline constexpr unsigned kOrders = kMaxOrder + 1;
inline constexpr unsigned kCostlyOrder = 3;     // PAGE_ALLOC_COSTLY_ORDER
inline constexpr unsigned kPageblockOrder = 9;  // what has one migratetype: 2 MiB
inline constexpr std::uint64_t kPageblockPages = 1ULL << kPageblockOrder;
inline constexpr std::uint64_t kMaxBlockPages = 1ULL << kMaxOrder;

enum class MigrateType : std::uint8_t { Unmovable, Movable, Reclaimable, HighAtomic };
inline constexpr unsigned kMigrateTypes = 4;
inline constexpr unsigned kPcpTypes =
    3;  // MIGRATE_PCPTYPES: those with lists per CPU and fallbacks

constexpr unsigned index_of(MigrateType type) {
  return static_cast<unsigned>(type);
}

// Whether free blocks of two types may become one: not with the reserve for atomic requests.
constexpr bool mergeable(MigrateType type) {
  return type != MigrateType::HighAtomic;
}

// Where a request goes when its own lists are empty, in order: mm/page_alloc.c fallbacks.
inline constexpr std::array<std::array<MigrateType, kPcpTypes - 1>, kPcpTypes> kFallbacks = {{
    {MigrateType::Reclaimable, MigrateType::Movable},
    {MigrateType::Reclaimable, MigrateType::Unmovable},
    {MigrateType::Unmovable, MigrateType::Movable},
}};

// Blocks by migratetype and order.
using BlockCounts = std::array<std::array<std::uint64_t, kOrders>, kMigrateTypes>;

}  // namespace ft::sim::phys
