// HeldChild is a target that exists but has not started: forked, dressed as the user's shell would
// have started it, and waiting just before execve(2). Its pid is known, so a recorder can attach
// whatever it needs; release() then lets it go.
//
//   RecorderSignals signals = FT_TRY(RecorderSignals::make());
//   HeldChild child = FT_TRY(HeldChild::make(options, signals));
//   TargetWatch watch = FT_TRY(TargetWatch::follow(child, signals, hooks));   // target_watch.h
//   ... attach probes to child.pid() ...
//   if (std::optional<ExecFailure> failure = FT_TRY(child.release(watch))) ...
//   while (!watch.end()) { poll(signals.wake_fd(), ...); FT_TRY_VOID(watch.step()); }
//
// What the target gets: stdin, stdout, stderr, working directory, environment, umask, nice, limits,
// OOM score, session and process group of the recorder, untouched; the signal mask and the ignored
// signals that RecorderSignals found; no descriptor of the recorder (all of ours are CLOEXEC). It
// has no parent-death signal once released. While held it dies with the recorder.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"
#include "capture/signals.h"

namespace ft::capture {

class TargetWatch;

// What the child itself used between fork and execve: part of the target's getrusage() figures that
// the target is not to blame for.
struct HeldUsage {
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  Nanoseconds user_time = 0;
  Nanoseconds system_time = 0;
};

// The kernel would not execute the command.
struct ExecFailure {
  int error_number = 0;  // the kernel's
  Error error;           // for the user

  // 127 where nothing of that name was found, 126 where it is there and cannot be executed.
  int exit_status() const;
};

class HeldChild {
 public:
  struct Options {
    std::vector<std::string> command;  // argv; [0] is looked up in PATH as execvp(3) does
    std::string user;                  // see credentials.h
    // Runs in the child as the last thing before it waits (seccomp filters); returns 0 or an errno.
    // Must be async-signal-safe.
    std::function<int()> prepare;
  };

  // Forks. Returns when the child waits; fails when it could not be made ready (no such user, ...).
  // REQUIRES: options.command is not empty.
  static Result<HeldChild> make(const Options& options, RecorderSignals& signals);

  HeldChild(HeldChild&&) noexcept;
  HeldChild& operator=(HeldChild&&) = delete;
  ~HeldChild();  // a child that was never released is killed and reaped

  pid_t pid() const { return pid_; }
  // Readable (POLLIN) when the target has ended.
  int pidfd() const { return pidfd_.get(); }

  // Lets the child execute its command and returns when it has, or could not. After a failure the
  // child is gone and reaped. `watch` follows this child: it lets a seized child pass its stops,
  // and its on_exec has run when this returns. A signal may end the child before: then watch.end()
  // is set and nothing is returned.
  Result<std::optional<ExecFailure>> release(TargetWatch& watch);
  // The two halves of it, for a caller that follows the child by its own means (and reaps it):
  // let it go; then, once it has executed or ended, ask how that went.
  void let_go();
  Result<std::optional<ExecFailure>> exec_outcome();

  // CLOCK_MONOTONIC at fork and at release.
  Nanoseconds forked_at() const { return forked_at_; }
  Nanoseconds released_at() const { return released_at_; }
  // Known when release() has returned.
  const HeldUsage& held_usage() const { return held_usage_; }

 private:
  HeldChild() = default;

  pid_t pid_ = -1;
  Fd pidfd_;
  Fd go_;           // closing it makes the child exit, a byte lets it go on
  Fd go_read_end_;  // the child's; kept so that writing to a dead child raises no SIGPIPE
  Fd status_;  // what the child reports; end of file after AboutToExecute: execve has succeeded
  std::string command_;
  bool released_ = false;
  Nanoseconds forked_at_ = 0;
  Nanoseconds released_at_ = 0;
  HeldUsage held_usage_;
};

}  // namespace ft::capture
