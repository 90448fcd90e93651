// Where a TLB's levels end, found in what a dependent load takes by the number of pages it goes
// round in (calibrate/pointer_chase.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace ft::calibrate {

// One working set. `load_ns`: of a load; `extra_ns`: of that, what the same lines packed together
// do not take, so that it is the TLB's part.
struct ReachPoint {
  std::uint64_t pages = 0;
  double load_ns = 0;
  double extra_ns = 0;
};

struct Knees {
  // The largest working set that was measured before the load first takes longer for good: two
  // points in a row.
  std::optional<std::uint64_t> l1_pages;
  std::optional<std::uint64_t> l2_pages;
  std::optional<double> l2_hit_ns;  // the middle of what lies between the two
  std::optional<double> walk_ns;    // the middle from two to five times the second
};

// `points` by pages, ascending. Thresholds follow from the points: the first knee is where the
// TLB's part passes three tenths of what a load takes that finds everything; the second where it
// passes twice what lies behind the first.
Knees find_knees(std::span<const ReachPoint> points);

// The same knees, and the levels between them as other points have them.
Knees levels_between(std::span<const ReachPoint> points, const Knees& knees);

}  // namespace ft::calibrate
