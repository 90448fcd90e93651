#include "capture/signals.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace ft::capture {

namespace {

constexpr int kSignals = 64;
constexpr std::array kHandled = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};

constexpr std::uint64_t bit_of(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

// What the handler works with. Handlers are process-wide, so is this; RecorderSignals owns it.
std::atomic<bool> g_in_use{false};
std::atomic<int> g_wake_fd{-1};
std::atomic<int> g_target_pidfd{-1};
std::atomic<pid_t> g_target_pid{-1};
std::atomic<int> g_stop_signal{0};
std::atomic<std::uint64_t> g_ignored_before{0};

static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Whether the user wants an attached recording to end. A signal that whoever started us had set to
// be ignored (nohup, a shell's background job) is no such wish, but kill -INT sent on purpose is.
bool asks_to_stop(int signal, bool from_terminal) {
  switch (signal) {
    case SIGTERM:
    case SIGHUP:
      return (g_ignored_before & bit_of(signal)) == 0;
    case SIGINT:
    case SIGQUIT:
      return !from_terminal || (g_ignored_before & bit_of(signal)) == 0;
    default:
      return false;
  }
}

void on_signal(int signal, siginfo_t* info, void* /*context*/) {
  const int saved_errno = errno;
  if (signal != SIGCHLD) {
    const bool from_terminal = info->si_code == SI_KERNEL;
    const int pidfd = g_target_pidfd;
    if (pidfd < 0) {
      int none = 0;
      if (asks_to_stop(signal, from_terminal)) g_stop_signal.compare_exchange_strong(none, signal);
    } else if (!from_terminal && info->si_pid != g_target_pid) {
      // A pidfd, so that a pid reused since the target ended cannot be hit.
      ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
    }
  }
  const char byte = 0;
  // A full pipe is as good: it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(g_wake_fd, &byte, 1);
  errno = saved_errno;
}

}  // namespace

SignalState SignalState::of_this_thread() {
  SignalState state;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &state.mask);
  for (int signal = 1; signal <= kSignals; ++signal) {
    struct sigaction action{};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
      state.ignored |= bit_of(signal);
    }
  }
  return state;
}

void SignalState::apply() const {
  for (int signal = 1; signal <= kSignals; ++signal) {
    struct sigaction action{};
    action.sa_handler = (ignored & bit_of(signal)) != 0 ? SIG_IGN : SIG_DFL;
    ::sigaction(signal, &action, nullptr);  // refused for SIGKILL, SIGSTOP and glibc's own: fine
  }
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
}

Result<RecorderSignals> RecorderSignals::make(WakeOnChild wake_on_child) {
  FT_CHECK(!g_in_use.exchange(true));
  RecorderSignals signals;
  signals.active_ = true;
  signals.wake_on_child_ = wake_on_child;
  signals.inherited_ = SignalState::of_this_thread();

  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("pipe", errno);
  signals.wake_read_ = Fd(ends[0]);
  signals.wake_write_ = Fd(ends[1]);
  g_ignored_before = signals.inherited_.ignored;
  g_stop_signal = 0;
  g_wake_fd = ends[1];

  struct sigaction action{};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigfillset(&action.sa_mask);
  for (const int signal : kHandled) {
    struct sigaction& previous = signals.previous_[signal];
    if (signal == SIGCHLD && wake_on_child == WakeOnChild::No) {
      // Ignoring it, as some shells hand it down, would make the kernel reap the target for us.
      struct sigaction by_default{};
      ::sigaction(signal, &by_default, &previous);
    } else {
      ::sigaction(signal, &action, &previous);
    }
  }

  // Whatever mask we were started with, these have to reach us.
  sigset_t handled;
  ::sigemptyset(&handled);
  for (const int signal : kHandled) ::sigaddset(&handled, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
  return signals;
}

RecorderSignals::RecorderSignals(RecorderSignals&& other) noexcept
    : inherited_(other.inherited_),
      wake_read_(std::move(other.wake_read_)),
      wake_write_(std::move(other.wake_write_)),
      active_(std::exchange(other.active_, false)),
      wake_on_child_(other.wake_on_child_),
      previous_(other.previous_) {}

RecorderSignals::~RecorderSignals() {
  if (!active_) return;
  for (const int signal : kHandled) ::sigaction(signal, &previous_[signal], nullptr);
  ::pthread_sigmask(SIG_SETMASK, &inherited_.mask, nullptr);
  forget_target();
  g_wake_fd = -1;
  g_in_use = false;
}

void RecorderSignals::pass_on_to(int pidfd, pid_t pid) {
  g_target_pid = pid;
  g_target_pidfd = pidfd;
}

void RecorderSignals::forget_target() {
  g_target_pidfd = -1;
  g_target_pid = -1;
}

int RecorderSignals::stop_signal() const {
  return g_stop_signal;
}

void RecorderSignals::drain() {
  std::array<char, 256> bytes;
  while (::read(wake_read_.get(), bytes.data(), bytes.size()) > 0) {
  }
}

}  // namespace ft::capture
