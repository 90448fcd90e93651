// /proc/buddyinfo and /proc/pagetypeinfo: the free lists of the page allocator (mm/vmstat.c).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::host {

// Free blocks of one zone: blocks_by_order[n] blocks of 2^n pages. Pages on per-CPU lists are not
// counted.
struct FreeBlocks {
  std::uint32_t node = 0;
  std::string zone;  // "DMA32", "Normal"
  std::vector<std::uint64_t> blocks_by_order;

  std::uint64_t free_pages() const;
};

Result<std::vector<FreeBlocks>> parse_buddyinfo(std::string_view text,
                                                std::string_view name = "buddyinfo");

// One row of pagetypeinfo's first table. The kernel stops counting at 100,000 ("> 100000"); such a
// count is then a lower bound.
struct TypedFreeBlocks {
  std::uint32_t node = 0;
  std::string zone;
  std::string migratetype;  // "Unmovable", "Movable"
  std::vector<std::uint64_t> blocks_by_order;
  bool lower_bound = false;
};

// Pageblocks of one zone by migratetype, in the order of PageTypeInfo::migratetypes.
struct TypedPageblocks {
  std::uint32_t node = 0;
  std::string zone;
  std::vector<std::uint64_t> blocks;
};

struct PageTypeInfo {
  std::uint32_t pageblock_order = 0;
  std::uint64_t pages_per_block = 0;
  std::vector<TypedFreeBlocks> free_blocks;
  std::vector<std::string> migratetypes;
  std::vector<TypedPageblocks> pageblocks;
};

Result<PageTypeInfo> parse_pagetypeinfo(std::string_view text,
                                        std::string_view name = "pagetypeinfo");

}  // namespace ft::host
