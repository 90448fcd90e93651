#include "sim/tlb/zipf.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace ft::sim::tlb {

namespace {

// (e^x - 1) / x and log(1 + x) / x, near 0 by their series.
double expm1_by(double x) {
  return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2;
}
double log1p_by(double x) {
  return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2;
}

}  // namespace

ZipfRanks::ZipfRanks(std::uint64_t count, double exponent)
    : count_(static_cast<double>(count)), exponent_(exponent) {
  FT_CHECK(count >= 1 && exponent >= 0 && exponent <= 8);
  area_from_ = integral(1.5) - 1;
  area_to_ = integral(count_ + 0.5);
  always_within_ = 2 - integral_inverse(integral(2.5) - density(2));
}

double ZipfRanks::density(double rank) const {
  return std::exp(-exponent_ * std::log(rank));
}

double ZipfRanks::integral(double rank) const {
  const double log = std::log(rank);
  return expm1_by((1 - exponent_) * log) * log;
}

double ZipfRanks::integral_inverse(double area) const {
  const double x = std::max(area * (1 - exponent_), -1.0);
  return std::exp(log1p_by(x) * area);
}

std::uint64_t ZipfRanks::next(Random& random) const {
  while (true) {
    const double area = area_to_ + random.unit() * (area_from_ - area_to_);
    const double drawn = integral_inverse(area);
    const double rank = std::clamp(std::floor(drawn + 0.5), 1.0, count_);
    if (rank - drawn <= always_within_ || area >= integral(rank + 0.5) - density(rank)) {
      return static_cast<std::uint64_t>(rank);
    }
  }
}

}  // namespace ft::sim::tlb
