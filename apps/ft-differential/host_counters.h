// HostCounters tell whether the kernel did something of its own accord that no model of one
// process can know: khugepaged, reclaim, compaction, a huge page that could not be had.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace ft::differential {

struct HostCounter {
  std::string name;
  std::uint64_t value = 0;
};

// Those of /proc/vmstat that matter, and khugepaged's.
Result<std::vector<HostCounter>> read_host_counters();

// The names of those that moved, "thp_fault_fallback, pgmigrate_success"; empty: none.
std::string moved(const std::vector<HostCounter>& before, const std::vector<HostCounter>& after);

}  // namespace ft::differential
