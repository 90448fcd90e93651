#include "capture/tracee.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

namespace ft::capture {

int ptrace_event_of(int wait_status) {
  return wait_status >> 16;
}

bool stands_still(int wait_status) {
  const int signal = WSTOPSIG(wait_status);
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

void resume(pid_t tid, int signal) {
  ::ptrace(PTRACE_CONT, tid, nullptr, signal);
}

void pass_on(pid_t tid, int wait_status) {
  if (ptrace_event_of(wait_status) == 0) {
    resume(tid, WSTOPSIG(wait_status));
  } else if (stands_still(wait_status)) {
    ::ptrace(PTRACE_LISTEN, tid, nullptr, nullptr);
  } else {  // the trap after SIGCONT or after PTRACE_INTERRUPT
    resume(tid, 0);
  }
}

// Detaching needs a stopped tracee. What stops it first may be something else than our interrupt; a
// signal that was about to be delivered still is.
void let_go(pid_t tid) {
  if (::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) != 0) return;
  int wait_status = 0;
  pid_t got = 0;
  do {
    got = ::waitpid(tid, &wait_status, __WALL);
  } while (got < 0 && errno == EINTR);
  if (got != tid || !WIFSTOPPED(wait_status)) return;
  const bool delivers = ptrace_event_of(wait_status) == 0;
  ::ptrace(PTRACE_DETACH, tid, nullptr, delivers ? WSTOPSIG(wait_status) : 0);
}

}  // namespace ft::capture
