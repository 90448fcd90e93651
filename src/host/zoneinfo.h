// /proc/zoneinfo: the zones of physical memory with their watermarks and per-CPU lists (mm/vmstat.c
// zoneinfo_show_print).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/number_table.h"

namespace ft::host {

// One CPU's list of free pages of a zone; pages.
struct PageSet {
  std::uint32_t cpu = 0;
  std::uint64_t count = 0;
  std::uint64_t high = 0;
  std::uint64_t batch = 0;
  std::uint64_t high_min = 0;  // since 6.7, 0 before
  std::uint64_t high_max = 0;
};

// Everything in pages. A zone without pages has no more than its numbers of pages.
struct Zone {
  std::uint32_t node = 0;
  std::string name;
  std::uint64_t free = 0;
  std::uint64_t boost = 0;
  std::uint64_t min = 0;  // watermarks
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t promo = 0;
  std::uint64_t spanned = 0;  // holes included
  std::uint64_t present = 0;
  std::uint64_t managed = 0;  // by the buddy allocator
  std::uint64_t cma = 0;
  std::vector<std::uint64_t> protection;  // lowmem reserve by the class of the request
  std::optional<std::uint64_t> start_pfn;
  std::uint64_t unreclaimable = 0;
  std::vector<PageSet> page_sets;
  NumberTable stats;       // nr_free_pages, numa_hit, ...
  NumberTable node_stats;  // of the whole node; printed with its first zone only
};

Result<std::vector<Zone>> parse_zoneinfo(std::string_view text, std::string_view name = "zoneinfo");

}  // namespace ft::host
