// Loads that each wait for the one before, round a ring of lines, one line a page: what they take
// by the number of pages shows the levels of the TLB.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "calibrate/knees.h"
#include "calibrate/rounds.h"

namespace ft::calibrate {

// What a load takes more.
struct Extra {
  double ns = 0;                 // from the quickest of each point: what disturbs makes it longer
  std::vector<double> by_round;  // for the spread
};

// What the TLB of this CPU was seen to do.
struct TlbReach {
  std::optional<std::uint64_t> l1_4k;
  std::optional<std::uint64_t> l2_4k;
  std::optional<std::uint64_t> l1_2m;
  std::optional<std::uint64_t> l2_2m;
  std::optional<Extra> l2_hit;
  std::optional<Extra> walk_4k;
  std::optional<Extra> walk_2m;
  std::vector<std::string> left_out;  // sentences with the keys they are about
};

struct ReachOptions {
  std::size_t rounds = 9;
  std::uint64_t most_bytes = 0;  // of memory that may be touched
  bool huge_pages = false;       // whether advised memory gets them
};

// Runs on the CPU it is called on.
TlbReach measure_reach(const ReachOptions& options, const KeepOn& keep_on);

// Nanoseconds of a load from memory in `bytes` of memory: beyond the caches. `bind`: called with
// the memory before it is touched; false: it could not be placed, and there is no answer.
std::optional<double> memory_latency(std::uint64_t bytes,
                                     const std::function<bool(void*, std::size_t)>& bind);

}  // namespace ft::calibrate
