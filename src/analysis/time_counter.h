// TimeCounter counts things in rows over equal bins of time. It does not need to know the end:
// where there get to be too many bins, neighbours are joined and the bins become twice as long.
//
// Invariant: the entries add up to what was added.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "report/model/picture.h"

namespace ft::analysis {

class TimeCounter {
 public:
  static constexpr std::uint64_t kMostBins = 512;

  // `expected_end`: a good guess, so that the bins are right from the start.
  explicit TimeCounter(Nanoseconds expected_end);

  void add(Nanoseconds ts, std::uint32_t row, std::uint64_t count = 1);
  report::model::TimeCounts counts(std::vector<std::string> rows) const;

 private:
  void widen();

  Nanoseconds bin_ns_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_key_;  // bin << 32 | row
};

}  // namespace ft::analysis
