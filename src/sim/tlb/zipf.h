// ZipfRanks draws ranks 1..count with probability proportional to rank^-exponent, in constant time
// and memory for any count.
//
// Source: Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete
// distributions" (1996).
#pragma once

#include <cstdint>

#include "sim/tlb/random.h"

namespace ft::sim::tlb {

class ZipfRanks {
 public:
  // REQUIRES: count >= 1, 0 <= exponent <= 8.
  ZipfRanks(std::uint64_t count, double exponent);

  std::uint64_t next(Random& random) const;

 private:
  double density(double rank) const;           // rank^-exponent
  double integral(double rank) const;          // of density, from 1 to rank
  double integral_inverse(double area) const;  // the rank up to which the area is this

  double count_;
  double exponent_;
  double area_from_;
  double area_to_;
  double always_within_;  // a draw this close to its rank is taken without a further look
};

}  // namespace ft::sim::tlb
