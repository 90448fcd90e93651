// Arrivals tells which pages came into memory between two walks of a process's page tables: those
// that are there now and were not before. A page that came and went in between is not seen.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/range.h"

namespace ft::analysis {

class Arrivals {
 public:
  // One walk: what is resident, in the order of addresses.
  void on_resident(AddressRange range);

  // Ends the walk. What has come since the walk before, by address; nothing after the first walk,
  // and where one of the two had more runs than are kept.
  std::optional<std::vector<AddressRange>> end_walk();

 private:
  static constexpr std::size_t kMostRuns = 1'000'000;

  struct Walk {
    std::vector<AddressRange> runs;  // by address, with gaps between
    bool too_many = false;
  };
  Walk now_;
  std::optional<Walk> before_;
};

}  // namespace ft::analysis
