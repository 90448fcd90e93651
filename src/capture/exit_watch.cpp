#include "capture/exit_watch.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>

#include "capture/tracee.h"

namespace ft::capture {

ExitWatch::~ExitWatch() {
  for (const pid_t pid : seized_) let_go(pid);
}

bool ExitWatch::add(pid_t pid) {
  if (seized_.contains(pid)) return true;
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACEEXIT) != 0) return false;
  seized_.insert(pid);
  return true;
}

void ExitWatch::step() {
  for (auto it = seized_.begin(); it != seized_.end();) {
    const pid_t pid = *it;
    int wait_status = 0;
    const pid_t got = ::waitpid(pid, &wait_status, WNOHANG | __WALL);
    if (got < 0 && errno == EINTR) continue;
    if (got == pid && WIFSTOPPED(wait_status)) {
      handle_stop(pid, wait_status);  // there may be more
    } else if (got == 0) {
      ++it;
    } else {  // its end, which its parent learns of now
      it = seized_.erase(it);
    }
  }
}

void ExitWatch::handle_stop(pid_t pid, int wait_status) {
  if (ptrace_event_of(wait_status) != PTRACE_EVENT_EXIT) {
    pass_on(pid, wait_status);
    return;
  }
  on_exit_(pid);
  resume(pid, 0);
}

}  // namespace ft::capture
