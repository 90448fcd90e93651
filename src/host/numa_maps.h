// /proc/PID/numa_maps: on which node the pages of each area lie, and by which policy
// (fs/proc/task_mmu.c show_numa_map, mm/mempolicy.c mpol_to_str).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::host {

struct NodePages {
  std::uint32_t node = 0;
  std::uint64_t pages = 0;

  bool operator==(const NodePages&) const = default;
};

// Counts are pages of `kernel_page_size`: base pages, or huge pages where the area is hugetlb.
// An area that was never touched has a policy and nothing else.
struct NumaArea {
  std::uint64_t start = 0;
  // "default", "local", "bind:0-1", "bind=static:1", "prefer:0", "prefer (many):0",
  // "interleave:0-3", "weighted interleave:0-1"; the kernel cuts it at 63 characters.
  std::string policy;
  std::string file;  // written as in maps (numa_maps itself escapes more)
  bool heap = false;
  bool stack = false;
  bool huge = false;
  std::uint64_t anon = 0;
  std::uint64_t dirty = 0;
  std::uint64_t mapped = 0;
  std::uint64_t mapmax = 0;  // processes that map a page of it, at most
  std::uint64_t swapcache = 0;
  std::uint64_t active = 0;
  std::uint64_t writeback = 0;
  std::vector<NodePages> nodes;
  std::uint64_t kernel_page_size = 0;  // bytes; 0 where nothing was touched

  // The policy without flags and nodes: "bind", "prefer (many)".
  std::string_view policy_mode() const {
    return std::string_view(policy).substr(0, policy.find_first_of("=:"));
  }
  std::uint64_t bytes_on(std::uint32_t node) const;
};

Result<std::vector<NumaArea>> parse_numa_maps(std::string_view text,
                                              std::string_view name = "numa_maps");

}  // namespace ft::host
