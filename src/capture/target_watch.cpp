#include "capture/target_watch.h"

#include <poll.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "capture/launch.h"
#include "capture/tracee.h"

namespace ft::capture {

namespace {

constexpr int kStopEvents = PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;

int thread_count(pid_t pid) {
  const Result<std::string> status = read_file("/proc/" + std::to_string(pid) + "/status");
  if (!status) return 0;
  for (std::string_view line : split(*status, '\n')) {
    if (!line.starts_with("Threads:")) continue;
    line.remove_prefix(8);
    return parse_integer<int>(trim(line)).value_or(0);
  }
  return 0;
}

// Whether a thread stopped in PTRACE_EVENT_EXIT got there by exit(2), which ends it alone, and not
// by exit_group(2) or a signal.
bool leaves_alone(pid_t tid) {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, tid, nullptr, &registers) != 0) return false;
  return registers.orig_rax == SYS_exit;
}

}  // namespace

int exit_status_of(int wait_status) {
  if (WIFSIGNALED(wait_status)) return 128 + WTERMSIG(wait_status);
  return WEXITSTATUS(wait_status);
}

Result<TargetWatch> TargetWatch::follow(const HeldChild& child, RecorderSignals& signals,
                                        Hooks hooks) {
  TargetWatch watch;
  watch.pid_ = child.pid();
  watch.signals_ = &signals;
  watch.hooks_ = std::move(hooks);
  if (watch.stops_at_exec()) {
    const int error = watch.seize();
    if (error != 0) {
      return fail_errno(
          "ptrace process " + std::to_string(child.pid()), error,
          "kernel.yama.ptrace_scope, a container's seccomp profile or an outer tracer "
          "may forbid it");
    }
    watch.seized_ = true;
  }
  signals.pass_on_to(child.pidfd(), child.pid());
  return watch;
}

TargetWatch::TargetWatch(TargetWatch&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      signals_(other.signals_),
      hooks_(std::move(other.hooks_)),
      seized_(other.seized_),
      executed_(other.executed_),
      exec_is_due_(other.exec_is_due_),
      leader_left_(other.leader_left_),
      end_was_seen_(other.end_was_seen_),
      end_(other.end_) {}

TargetWatch::~TargetWatch() {
  if (pid_ <= 0) return;
  signals_->forget_target();
  if (!end_ && seized_) let_go(pid_);
}

int TargetWatch::seize() const {
  return ::ptrace(PTRACE_SEIZE, pid_, nullptr, kStopEvents) == 0 ? 0 : errno;
}

Result<void> TargetWatch::step() {
  signals_->drain();
  while (!end_) {
    int wait_status = 0;
    rusage usage{};
    const pid_t got = ::wait4(pid_, &wait_status, WNOHANG | __WALL, &usage);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("wait for process " + std::to_string(pid_), errno);
    if (got == 0) break;
    handle(wait_status, usage);
  }
  if (!end_ && leader_left_) try_to_seize_again();
  return {};
}

Result<TargetEnd> TargetWatch::wait() {
  while (true) {
    FT_TRY_VOID(step());
    if (end_) return *end_;
    pollfd woken{signals_->wake_fd(), POLLIN, 0};
    // The pause bounds how late a new program is seized that a thread other than the leader has
    // executed: nothing reports that one.
    ::poll(&woken, 1, leader_left_ ? 1 : 1000);
  }
}

void TargetWatch::handle(int wait_status, const rusage& usage) {
  if (WIFSTOPPED(wait_status)) {
    handle_stop(wait_status);
    return;
  }
  signals_->forget_target();
  end_ = TargetEnd{wait_status, usage, monotonic_now(), end_was_seen_};
}

void TargetWatch::handle_stop(int wait_status) {
  switch (ptrace_event_of(wait_status)) {
    case PTRACE_EVENT_EXEC:
      handle_exec();
      break;
    case PTRACE_EVENT_EXIT:
      handle_exit();
      break;
    case PTRACE_EVENT_STOP:
      if (!stands_still(wait_status) && std::exchange(exec_is_due_, false)) handle_exec();
      [[fallthrough]];
    default:
      pass_on(pid_, wait_status);
      return;
  }
  resume(pid_, 0);
}

void TargetWatch::handle_exec() {
  executed_ = true;
  leader_left_ = false;
  end_was_seen_ = false;
  if (hooks_.on_exec) hooks_.on_exec(pid_);
}

void TargetWatch::handle_exit() {
  // A child that ends before it has become the target has nothing worth looking at.
  if (executed_) {
    unsigned long wait_status = 0;
    ::ptrace(PTRACE_GETEVENTMSG, pid_, nullptr, &wait_status);
    end_was_seen_ = !(leaves_alone(pid_) && thread_count(pid_) > 1);
    if (hooks_.on_exit) hooks_.on_exit(pid_, static_cast<int>(wait_status));
  }
  leader_left_ = true;
}

// When a thread other than the leader calls execve(2), the leader dies for it and the caller takes
// over its pid, untraced. Until then, and while the process is on its way out, the pid belongs to
// the leader we trace already and this fails.
void TargetWatch::try_to_seize_again() {
  if (seize() != 0) return;
  leader_left_ = false;
  end_was_seen_ = false;
  exec_is_due_ = true;
  ::ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr);
}

}  // namespace ft::capture
