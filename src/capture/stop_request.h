// When an attached recording (-p PID) ends: after --duration, or when the user asks (Ctrl-C,
// SIGTERM, SIGHUP, SIGQUIT), whichever comes first.
#pragma once

#include <csignal>
#include <ctime>
#include <optional>

#include "base/units.h"
#include "capture/signals.h"

namespace ft::capture {

class StopRequest {
 public:
  // REQUIRES: `signals` outlives it and has no target to pass signals on to.
  StopRequest(RecorderSignals& signals, std::optional<Nanoseconds> duration);
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;
  ~StopRequest();

  bool due() const;

  // For poll(2), beside RecorderSignals::wake_fd(): milliseconds left until the deadline, rounded
  // up, at most `at_most`; `at_most` where there is none.
  int poll_timeout(int at_most) const;

  // For a thread that blocks in waitpid(2), which no descriptor wakes up: until *this is gone, its
  // waiting system calls fail with EINTR every 50 ms, so that it can ask due(). Uses SIGALRM.
  void interrupt_this_thread_periodically();

 private:
  RecorderSignals& signals_;
  std::optional<Nanoseconds> deadline_;  // CLOCK_MONOTONIC
  std::optional<timer_t> timer_;
  struct sigaction previous_action_{};
};

}  // namespace ft::capture
