// /proc/pressure/* and cgroup memory.pressure: pressure stall information
// (Documentation/accounting/psi.rst).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace ft::host {

struct StallShare {
  double avg10 = 0;  // percent of the last 10, 60, 300 seconds
  double avg60 = 0;
  double avg300 = 0;
  std::uint64_t total_us = 0;  // since boot
};

// `some`: at least one task waited; `full`: all of them did (CPU pressure has it since 5.13).
struct Pressure {
  std::optional<StallShare> some;
  std::optional<StallShare> full;
};

Result<Pressure> parse_pressure(std::string_view text, std::string_view name = "pressure");

}  // namespace ft::host
