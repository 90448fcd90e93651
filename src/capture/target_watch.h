// TargetWatch sees a launched target to its end: reaps it, knows its resource usage, and, where
// asked to, stops it right after exec and right before it tears its address space down, so that
// /proc/PID can be read at exactly these moments.
//
// The stops use PTRACE_SEIZE on the thread group leader alone; other threads and child processes
// run untouched. What they cost is written in docs/capture-ptrace.md. A recorder killed with
// SIGKILL leaves the target running (no PTRACE_O_EXITKILL). While seized, no debugger can attach.
//
// All calls must come from the thread that made it: the kernel ties a tracee to one thread.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <functional>
#include <optional>

#include "base/result.h"
#include "base/units.h"
#include "capture/signals.h"

namespace ft::capture {

class HeldChild;

struct TargetEnd {
  int wait_status = 0;  // as wait(2) gives it
  rusage usage{};       // the target and its reaped children, HeldUsage included
  Nanoseconds at = 0;   // CLOCK_MONOTONIC, when it was reaped
  // False: the last address space was gone before it could be looked at (on_exit never ran for it,
  // ran too early because the leader thread left before the others, or stops were not asked for).
  bool end_was_seen = false;
};

// What a shell would report: the exit code, or 128+N when signal N killed it.
int exit_status_of(int wait_status);

class TargetWatch {
 public:
  enum class Stops { None, ExecAndExit };

  struct Hooks {
    Stops stops = Stops::None;
    // The target stands still in each of these; it goes on when they return.
    std::function<void(pid_t)> on_exec;  // a new program is mapped, nothing of it has run
    // The leader thread is about to end and with it, nearly always, the process; its address space
    // is whole. May be called again (then the earlier one was not the end): the last one holds.
    std::function<void(pid_t, int wait_status)> on_exit;
  };

  // REQUIRES: the child has not been released.
  static Result<TargetWatch> follow(const HeldChild& child, RecorderSignals& signals, Hooks hooks);
  TargetWatch(TargetWatch&&) noexcept;
  TargetWatch& operator=(TargetWatch&&) = delete;
  ~TargetWatch();  // a target still there is let go and runs on

  // Handles whatever has happened, without waiting. Call when RecorderSignals::wake_fd() is
  // readable (it drains it), and at least a few times a second.
  Result<void> step();

  // The first on_exec has run; never true without stops.
  bool executed() const { return executed_; }
  bool stops_at_exec() const { return hooks_.stops == Stops::ExecAndExit; }
  RecorderSignals& signals() const { return *signals_; }

  // Set once the target has ended and has been reaped.
  const std::optional<TargetEnd>& end() const { return end_; }

  // Waits for the end; for callers that have nothing else to do.
  Result<TargetEnd> wait();

 private:
  TargetWatch() = default;

  int seize() const;
  void handle(int wait_status, const rusage& usage);
  void handle_stop(int wait_status);
  void handle_exec();
  void handle_exit();
  void try_to_seize_again();

  pid_t pid_ = -1;
  RecorderSignals* signals_ = nullptr;
  Hooks hooks_;
  bool seized_ = false;
  bool executed_ = false;
  bool exec_is_due_ = false;  // seized again after a thread other than the leader executed
  bool leader_left_ = false;  // its exit stop has passed, the process has not ended yet
  bool end_was_seen_ = false;
  std::optional<TargetEnd> end_;
};

}  // namespace ft::capture
