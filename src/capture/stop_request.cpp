#include "capture/stop_request.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/clock.h"

namespace ft::capture {

namespace {

constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr int kInterruptSignal = SIGALRM;

void do_nothing(int /*signal*/) {}

}  // namespace

StopRequest::StopRequest(RecorderSignals& signals, std::optional<Nanoseconds> duration)
    : signals_(signals) {
  if (duration) deadline_ = monotonic_now() + *duration;
}

StopRequest::~StopRequest() {
  if (!timer_) return;
  ::timer_delete(*timer_);
  ::sigaction(kInterruptSignal, &previous_action_, nullptr);
}

bool StopRequest::due() const {
  return signals_.stop_signal() != 0 || (deadline_ && monotonic_now() >= *deadline_);
}

int StopRequest::poll_timeout(int at_most) const {
  if (!deadline_) return at_most;
  const Nanoseconds left = std::max<Nanoseconds>(*deadline_ - monotonic_now(), 0);
  return static_cast<int>(std::min<Nanoseconds>((left + kMillisecond - 1) / kMillisecond, at_most));
}

// A timer that ticks all the time: neither a signal that comes between a look at due() and the wait
// nor the deadline can then be missed for longer than a tick, and no tick costs anything worth
// counting.
void StopRequest::interrupt_this_thread_periodically() {
  struct sigaction action{};
  action.sa_handler = do_nothing;  // without SA_RESTART: the waiting call fails with EINTR
  ::sigaction(kInterruptSignal, &action, &previous_action_);

  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kInterruptSignal;
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return;
  const timespec tick{0, 50 * kMillisecond};
  const itimerspec schedule{tick, tick};
  ::timer_settime(timer, 0, &schedule, nullptr);
  timer_ = timer;
}

}  // namespace ft::capture
