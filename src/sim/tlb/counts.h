// What look-ups came to, and what that costs.
//
// Counts are exact for the modelled TLB; cycles are counts times a table of costs, so they hold for
// accesses that wait for each other. Real code overlaps much of it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "sim/tlb/page_size.h"

namespace ft::sim::tlb {

inline constexpr unsigned kMaxLevels = 5;

struct Counts {
  using BySize = std::array<std::uint64_t, kPageSizes>;

  // By the size of the page as the guest's (or the host's own) tables map it.
  BySize l1_hits{};
  BySize l2_hits{};
  // walks[size][n]: walks that loaded n entries of the process's own tables.
  std::array<std::array<std::uint64_t, kMaxLevels + 1>, kPageSizes> walks{};
  std::uint64_t nested_loads = 0;  // of the host's tables, in a virtual machine
  std::uint64_t invalidated = 0;   // entries of L1 and L2 that an invalidation dropped

  std::uint64_t l1_hits_total() const { return l1_hits[0] + l1_hits[1] + l1_hits[2]; }
  std::uint64_t l2_hits_total() const { return l2_hits[0] + l2_hits[1] + l2_hits[2]; }
  std::uint64_t misses(PageSize size) const;  // = walks
  std::uint64_t misses() const;
  std::uint64_t lookups() const { return l1_hits_total() + l2_hits_total() + misses(); }
  // Loads of entries `steps` above a 4 KiB page's: 0 PTEs, 1 PDEs, 2 PDPTEs, 3 PML4Es, 4 PML5Es.
  std::uint64_t loads_of(unsigned steps) const;
  std::uint64_t guest_loads() const;
  std::uint64_t loads() const { return guest_loads() + nested_loads; }

  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
};

// Cycles on top of an L1 hit, which is free.
struct CostTable {
  double l2_hit = 7;
  double walk = 10;                                       // of a walk, besides its loads
  std::array<double, kMaxLevels> load = {8, 5, 5, 5, 5};  // of a PTE, PDE, PDPTE, PML4E, PML5E
  double nested_load = 5;
};

// Fails with what = the key of a cost that is negative or no number.
Result<void> validate(const CostTable& costs, std::string_view key = "cost.tlb");

double cycles(const Counts& counts, const CostTable& costs);

}  // namespace ft::sim::tlb
