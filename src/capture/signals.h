// How the recorder lives with signals while it has a target, so that the target gets each signal
// exactly as it would without a recorder.
//
// Recorder and target share a process group, so the terminal's Ctrl-C, Ctrl-\ and hang-up reach the
// target by themselves (si_code SI_KERNEL); the recorder merely survives them. What was sent to the
// recorder alone with kill(2) is passed on. A signal that someone kill(2)s to the whole group
// cannot be told from one for the recorder alone: the target gets it twice, which is what sudo and
// timeout do too. A signal the target itself sent is not returned to it.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace ft::capture {

// The signal mask and the ignored signals a process would hand to what it executes.
struct SignalState {
  sigset_t mask{};
  std::uint64_t ignored = 0;  // bit N-1 for signal N

  static SignalState of_this_thread();
  // Makes it the calling process's; every signal that is not ignored gets its default action.
  // Async-signal-safe: meant for a child between fork and exec.
  void apply() const;
};

// Handlers for SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 (pass on, or note as a wish to
// stop) and for SIGCHLD (wakes up who polls). Process-wide, so it does not matter which thread the
// kernel picks. Restores what was there before when destroyed.
//
// REQUIRES: at most one exists at a time; made before anything else changes signal dispositions,
// since inherited() is what it found.
class RecorderSignals {
 public:
  // No: SIGCHLD is left alone, for a caller that blocks in waitpid() and would be slowed down.
  enum class WakeOnChild { Yes, No };

  static Result<RecorderSignals> make(WakeOnChild wake_on_child = WakeOnChild::Yes);
  RecorderSignals(RecorderSignals&& other) noexcept;
  RecorderSignals& operator=(RecorderSignals&&) = delete;
  ~RecorderSignals();

  // What a target must be given back.
  const SignalState& inherited() const { return inherited_; }

  // From now on signals are passed on to the process behind this pidfd, which stays the caller's.
  // Without it, and after forget_target(), they only count as a wish to stop.
  void pass_on_to(int pidfd, pid_t pid);
  void forget_target();

  // The first SIGINT, SIGTERM, SIGHUP or SIGQUIT that was not passed on and did not come from the
  // terminal for a target to handle; 0 while there was none.
  int stop_signal() const;

  // Readable when any of the signals came. drain() empties it.
  int wake_fd() const { return wake_read_.get(); }
  void drain();

 private:
  RecorderSignals() = default;

  SignalState inherited_;
  Fd wake_read_;
  Fd wake_write_;
  bool active_ = false;
  WakeOnChild wake_on_child_ = WakeOnChild::Yes;
  std::array<struct sigaction, 65> previous_{};  // by signal number
};

}  // namespace ft::capture
