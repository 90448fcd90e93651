// From what exercises took to what operations cost (sim/profile/costs.h).
#pragma once

#include <string>
#include <vector>

#include "calibrate/exercise.h"
#include "sim/profile/costs.h"

namespace ft::calibrate {

struct Derived {
  sim::profile::Costs costs;    // medians over the rounds
  sim::profile::Costs spreads;  // of the same
  // Keys whose exercises worked, and that are left out nevertheless: nothing was left of them
  // above the noise.
  std::vector<sim::profile::Cost> lost_in_noise;
};

Derived derive(const std::vector<Round>& rounds);

// What was done with other work in between, as if it were all.
std::vector<Round> cold_rounds(const std::vector<Round>& rounds);

}  // namespace ft::calibrate
