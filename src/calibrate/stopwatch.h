// The clock of what is measured: this thread's time on a CPU. What other processes take away in the
// meantime is not in it; what a hypervisor takes is.
#pragma once

#include <ctime>

#include "base/units.h"

namespace ft::calibrate {

inline Nanoseconds thread_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return Nanoseconds{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace ft::calibrate
