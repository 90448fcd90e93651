// Whether this host was quiet enough for what was measured on it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "host/host_files.h"

namespace ft::calibrate {

// What disturbs, as counted by the kernel since it started.
struct Disturbance {
  std::uint64_t steal_ticks = 0;           // of /proc/stat: the hypervisor ran somebody else
  std::uint64_t all_ticks = 0;             // of all CPUs
  std::uint64_t involuntary_switches = 0;  // of this process
  double load = 0;                         // of the last minute
};
Disturbance disturbance_now(const host::HostFiles& files);

struct NoiseVerdict {
  bool noisy = false;
  std::string why;  // a sentence with the figures, noisy or not
};

// How long two fixed loops took that touch no memory, some 0.1 ms each. In one every instruction
// waits for the one before: nothing but a slower clock or an interrupt makes it longer. In the
// other none does, so it takes all the core can do at once, and longer where the core is shared
// with another hardware thread.
struct LoopTimes {
  double dependent_ns = 0;
  double independent_ns = 0;
};
LoopTimes time_loops();

// `loops`: again and again in the time between.
NoiseVerdict judge_noise(const std::vector<LoopTimes>& loops, const Disturbance& before,
                         const Disturbance& after);

}  // namespace ft::calibrate
