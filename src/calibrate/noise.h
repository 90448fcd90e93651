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

// `loop_ns`: what a fixed loop that touches no memory took, again and again in the time between.
NoiseVerdict judge_noise(const std::vector<double>& loop_ns, const Disturbance& before,
                         const Disturbance& after);

// How long the fixed loop takes now: some 0.2 ms.
double time_fixed_loop();

}  // namespace ft::calibrate
