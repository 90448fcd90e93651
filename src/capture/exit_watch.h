// ExitWatch stops processes that the target has started right before they tear their address space
// down, so that /proc/PID can be read then: a JVM behind a start script is what one wants to know
// about. The target itself is TargetWatch's.
//
// Like there, the thread group's leader alone is seized (PTRACE_SEIZE); nothing else of the process
// is touched, its parent learns of its end as ever, and a recorder that is killed leaves it
// running. While seized, no debugger can attach.
//
// All calls must come from the thread that made it: the kernel ties a tracee to one thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <set>

namespace ft::capture {

class ExitWatch {
 public:
  // `on_exit` is called while the process stands still: its leader is about to end, and with it,
  // nearly always, the process. May be called again: the last one holds.
  explicit ExitWatch(std::function<void(pid_t)> on_exit) : on_exit_(std::move(on_exit)) {}
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;
  ~ExitWatch();  // those that are still there run on

  // False where the process is gone, another traces it, or the host forbids it. Again: no matter.
  bool add(pid_t pid);

  // Handles whatever has happened, without waiting. A stopped process waits for it: call it when
  // RecorderSignals::wake_fd() was readable, and at least a few times a second.
  void step();

 private:
  void handle_stop(pid_t pid, int wait_status);

  std::function<void(pid_t)> on_exit_;
  std::set<pid_t> seized_;
};

}  // namespace ft::capture
