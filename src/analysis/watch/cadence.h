// Cadence spaces out a reading that costs processor time, so that all of them together take no more
// than a given share of one processor, however large the process is that they read.
#pragma once

#include <algorithm>

#include "base/check.h"
#include "base/units.h"

namespace ft::analysis {

class Cadence {
 public:
  // REQUIRES: 0 < share <= 1.
  explicit Cadence(double share) : share_(share) { FT_CHECK(share > 0 && share <= 1); }

  bool due(Nanoseconds now) const { return now >= next_; }

  // The reading took `cost` of processor time, at `now`. The next one is due when the share allows
  // for one that costs as much.
  void done(Nanoseconds now, Nanoseconds cost) {
    next_ = now +
            static_cast<Nanoseconds>(static_cast<double>(std::max<Nanoseconds>(cost, 0)) / share_);
  }

 private:
  double share_;
  Nanoseconds next_ = 0;
};

}  // namespace ft::analysis
