// Where time comes from: injected, so that tests choose it.
#pragma once

#include <ctime>

#include "base/units.h"

namespace ft {

// The clock of every `ts` in a recording: CLOCK_MONOTONIC, as bpf_ktime_get_ns() reads it.
inline Nanoseconds monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Nanoseconds{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline Nanoseconds realtime_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return Nanoseconds{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace ft
