#include "sim/cost/work.h"

#include <algorithm>
#include <numeric>

namespace ft::sim::cost {

void Operations::add(const Operations& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  nameless += other.nameless;
}

std::uint64_t Operations::total() const {
  return std::accumulate(counts.begin(), counts.end(), nameless);
}

// As calibration's own other work makes them colder, measured for 3, 20 and 60 µs of it
// (docs/calibrate.md); straight lines between.
double coldness_after(Nanoseconds other_work) {
  struct Point {
    double ns;
    double coldness;
  };
  constexpr std::array kPoints = {Point{0, 0}, Point{3'000, 0.15}, Point{20'000, 0.35},
                                  Point{60'000, 1}};
  const auto ns = static_cast<double>(other_work);
  for (std::size_t i = 1; i < kPoints.size(); ++i) {
    const Point& from = kPoints[i - 1];
    const Point& to = kPoints[i];
    if (ns < to.ns) {
      const double share = std::max(ns - from.ns, 0.0) / (to.ns - from.ns);
      return from.coldness + share * (to.coldness - from.coldness);
    }
  }
  return 1;
}

void PartWork::add(const Operations& more, double coldness_of_each) {
  ++count;
  operations.nameless += more.nameless;
  for (std::size_t i = 0; i < profile::kCosts; ++i) {
    if (more.counts[i] == 0) continue;  // nearly all: a fault is one or two operations
    operations.counts[i] += more.counts[i];
    coldness[i] += coldness_of_each * static_cast<double>(more.counts[i]);
  }
}

}  // namespace ft::sim::cost
