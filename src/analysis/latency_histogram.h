// LatencyHistogram counts durations in buckets whose width grows with the value (log-linear, as
// HdrHistogram): any number of recordings in bounded memory, every quantile within kQuantileError
// of the exact one. Count, sum, smallest and largest are exact.
//
// Invariants (verified by check()): the buckets add up to count(), so do the octaves, in time too.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/units.h"

namespace ft::analysis {

class LatencyHistogram {
 public:
  static constexpr unsigned kSubBits = 7;  // 128 buckets an octave
  // Half a bucket's width over its lower end.
  static constexpr double kQuantileError = 1.0 / (2U << kSubBits);

  // [2^k, 2^(k+1)); the first one also holds 0.
  struct Octave {
    std::uint64_t count = 0;
    Nanoseconds total = 0;
  };

  // Negative durations (a clock that stepped back) count as 0.
  void record(Nanoseconds duration);
  void merge(const LatencyHistogram& other);

  std::uint64_t count() const { return count_; }
  Nanoseconds total() const { return total_; }
  Nanoseconds min() const { return count_ ? min_ : 0; }
  Nanoseconds max() const { return max_; }
  // The value that a share `q` of the recordings does not exceed; 0 where nothing was recorded.
  Nanoseconds quantile(double q) const;
  const std::array<Octave, 64>& octaves() const { return octaves_; }

  void check() const;

 private:
  std::vector<std::uint64_t> buckets_;  // as long as the largest value asks for
  std::array<Octave, 64> octaves_{};
  std::uint64_t count_ = 0;
  Nanoseconds total_ = 0;
  Nanoseconds min_ = 0;
  Nanoseconds max_ = 0;
};

}  // namespace ft::analysis
