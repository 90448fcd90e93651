#include "capture/ptrace/stop_waiter.h"

#include <sched.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/clock.h"

namespace ft::capture::ptrace {

namespace {

constexpr Nanoseconds kLookFor = 50'000;
constexpr int kBestScore = 8;
constexpr int kWorstScore = -8;
// With the worst score, every so many waits it is tried anew.
constexpr unsigned kTryAgainAfter = 32;

int usable_cpus() {
  cpu_set_t cpus;
  return ::sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

}  // namespace

StopWaiter::StopWaiter() : may_look_(usable_cpus() > 1) {}

bool StopWaiter::looking_pays() const {
  return may_look_ && (score_ >= 0 || waits_ % kTryAgainAfter == 0);
}

bool StopWaiter::look(Change& change) {
  const Nanoseconds give_up_at = monotonic_now() + kLookFor;
  do {
    change.tid = ::wait4(-1, &change.wait_status, __WALL | WNOHANG, &change.usage);
  } while (change.tid == 0 && monotonic_now() < give_up_at);
  score_ = change.tid != 0 ? std::min(score_ + 1, kBestScore) : std::max(score_ - 2, kWorstScore);
  return change.tid != 0;
}

StopWaiter::Change StopWaiter::wait() {
  Change change;
  ++waits_;
  if (looking_pays() && look(change)) return change;
  change.tid = ::wait4(-1, &change.wait_status, __WALL, &change.usage);
  return change;
}

}  // namespace ft::capture::ptrace
