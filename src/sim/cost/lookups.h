// What looking up translations takes the loads of a working set: misses from the model of the TLB,
// for two patterns between which real programs lie, and times from what was measured.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "sim/profile/costs.h"
#include "sim/tlb/geometry.h"
#include "sim/tlb/page_size.h"

namespace ft::sim::cost {

// Of one load: how often it misses L1 and finds its translation in L2, and how often it walks.
struct LookupRates {
  double l2_hits = 0;
  double walks = 0;
};

struct LookupBounds {
  LookupRates line_by_line;  // from end to end, each line of 64 bytes once, again and again
  LookupRates at_random;     // each page as likely as any other at each load
};

// Counted by the modelled TLB once it is warm. Errors: as Tlb::make. REQUIRES: pages != 0.
Result<LookupBounds> lookups_of(const tlb::Geometry& geometry, tlb::PageSize size,
                                std::uint64_t pages);

// How many translations of a size one core holds, and what a miss takes there.
struct Reach {
  tlb::Geometry geometry;                // what lookups_of() is asked with
  std::optional<std::uint64_t> entries;  // empty: not known
  std::optional<double> walk_ns;
  std::optional<double> walk_spread;  // middle half over median
  std::optional<double> l2_hit_ns;
  bool measured = false;  // entries were; otherwise they are the core's as its vendor states them
};

// Measured where a machine's costs tell so: levels of that many entries, fully associative, which
// replace what was used longest ago. Otherwise the core's geometry.
Reach reach_of(const tlb::Geometry& core, const profile::MachineCosts& costs, tlb::PageSize size);

// Nanoseconds a load takes more, with the walk's time `off` times its spread up or down. Nothing
// where the walk was not measured.
std::optional<double> lookup_ns(const Reach& reach, const LookupRates& rates, double off);

}  // namespace ft::sim::cost
