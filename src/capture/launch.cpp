#include "capture/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/text.h"
#include "capture/credentials.h"
#include "capture/target_watch.h"

namespace ft::capture {

namespace {

// What the child says through its status pipe, one fixed-size message each.
enum class Report : std::int32_t {
  CannotSwitchUser,
  CannotPrepare,
  Held,
  AboutToExecute,
  CannotExecute,
};

struct Message {
  Report report{};
  std::int32_t error_number = 0;
  HeldUsage usage;
};

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("pipe", errno);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// Nothing at end of file.
std::optional<Message> read_message(int fd) {
  Message message;
  ssize_t got = 0;
  do {
    got = ::read(fd, &message, sizeof message);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof message)) return std::nullopt;
  return message;
}

// The files execvp(3) would try for `name`, in its order.
std::vector<std::string> candidates_for(const std::string& name) {
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> candidates;
  if (name.empty()) return candidates;
  const char* path = ::getenv("PATH");
  for (const std::string_view directory : split(path ? path : "/bin:/usr/bin", ':')) {
    candidates.push_back(directory.empty() ? "./" + name : std::string(directory) + "/" + name);
  }
  return candidates;
}

// Everything the child needs, laid out before fork: between fork and exec it may only make
// async-signal-safe calls, since the recorder may have other threads.
struct ChildPlan {
  std::vector<std::string> candidates;
  std::vector<char*> argv;
  std::optional<Credentials> credentials;
  const std::function<int()>* prepare = nullptr;
  SignalState signals;
  pid_t recorder = 0;
  int go = -1;
  int go_write_end = -1;
  int status = -1;
};

void report(const ChildPlan& plan, Report what, int error_number = 0, HeldUsage usage = {}) {
  const Message message{what, error_number, usage};
  [[maybe_unused]] const ssize_t written = ::write(plan.status, &message, sizeof message);
}

// Exit codes here are seen by nobody: the recorder has the report.
[[noreturn]] void give_up(const ChildPlan& plan, Report what, int error_number) {
  report(plan, what, error_number);
  ::_exit(127);
}

HeldUsage own_usage() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto nanoseconds = [](const timeval& time) {
    return Nanoseconds{time.tv_sec} * 1'000'000'000 + Nanoseconds{time.tv_usec} * 1'000;
  };
  return {static_cast<std::uint64_t>(usage.ru_minflt), static_cast<std::uint64_t>(usage.ru_majflt),
          nanoseconds(usage.ru_utime), nanoseconds(usage.ru_stime)};
}

// As execvp(3) walks PATH, but a script without "#!" is an error and not fed to a shell. Returns
// the errno that tells most.
int execute(const ChildPlan& plan) {
  int error = ENOENT;
  for (const std::string& file : plan.candidates) {
    ::execve(file.c_str(), plan.argv.data(), environ);
    switch (errno) {
      case EACCES:
        error = EACCES;  // there, but not for us: perhaps a later directory has another
        break;
      case ENOENT:
      case ENOTDIR:
      case ESTALE:
      case ENODEV:
      case ETIMEDOUT:
        if (plan.candidates.size() == 1) error = errno;
        break;
      default:
        return errno;
    }
  }
  return error;
}

[[noreturn]] void run_child(const ChildPlan& plan) {
  // The go pipe must report end of file when the recorder dies.
  ::close(plan.go_write_end);
  if (plan.credentials) {
    const int error = plan.credentials->apply();
    if (error != 0) give_up(plan, Report::CannotSwitchUser, error);
  }
  // After the change of user, which clears it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.recorder) ::_exit(127);
  if (*plan.prepare) {
    const int error = (*plan.prepare)();
    if (error != 0) give_up(plan, Report::CannotPrepare, error);
  }
  plan.signals.apply();
  report(plan, Report::Held);

  char go = 0;
  ssize_t got = 0;
  do {
    got = ::read(plan.go, &go, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(127);

  ::prctl(PR_SET_PDEATHSIG, 0);
  report(plan, Report::AboutToExecute, 0, own_usage());
  give_up(plan, Report::CannotExecute, execute(plan));
}

Error explain(const std::string& command, int error_number) {
  Error error{command, std::strerror(error_number), {}};
  const bool searched = command.find('/') == std::string::npos;
  const bool there = !searched && ::access(command.c_str(), F_OK) == 0;
  if (error_number == ENOENT && searched) {
    error.why = "command not found";
    error.remedy = "it is in no directory of PATH; give its path";
  } else if (error_number == ENOENT && there) {
    error.why = "the interpreter or loader it asks for does not exist";
  } else if (error_number == ENOEXEC) {
    error.why = "not a program this kernel can run";
    error.remedy = "a script needs a first line such as #!/bin/sh; or record: sh " + command;
  } else if (error_number == EACCES) {
    error.why = "permission denied";
    error.remedy = "is it a regular file, executable for this user?";
  }
  return error;
}

}  // namespace

int ExecFailure::exit_status() const {
  return error_number == ENOENT ? 127 : 126;
}

Result<HeldChild> HeldChild::make(const Options& options, RecorderSignals& signals) {
  FT_CHECK(!options.command.empty());
  ChildPlan plan;
  plan.candidates = candidates_for(options.command.front());
  for (const std::string& word : options.command) {
    plan.argv.push_back(const_cast<char*>(word.c_str()));
  }
  plan.argv.push_back(nullptr);
  plan.credentials = FT_TRY(target_credentials(options.user));
  plan.prepare = &options.prepare;
  plan.signals = signals.inherited();
  plan.recorder = ::getpid();
  Pipe go = FT_TRY(make_pipe());
  Pipe status = FT_TRY(make_pipe());
  plan.go = go.read_end.get();
  plan.go_write_end = go.write_end.get();
  plan.status = status.write_end.get();

  // A handler of ours must not run in the child: it would write to our pipe.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  HeldChild child;
  child.forked_at_ = monotonic_now();
  child.pid_ = ::fork();
  const int fork_error = errno;
  if (child.pid_ == 0) run_child(plan);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child.pid_ < 0) return fail_errno("fork", fork_error);

  child.command_ = options.command.front();
  child.go_ = std::move(go.write_end);
  child.go_read_end_ = std::move(go.read_end);
  child.status_ = std::move(status.read_end);
  status.write_end.reset();
  child.pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  if (!child.pidfd_.valid()) return fail_errno("pidfd_open", errno);

  const std::optional<Message> message = read_message(child.status_.get());
  if (!message) return fail(child.command_, "its process was killed before it could be started");
  if (message->report == Report::CannotSwitchUser) {
    return fail_errno("run the target as another user", message->error_number);
  }
  if (message->report == Report::CannotPrepare) {
    return fail_errno("prepare the target", message->error_number);
  }
  return child;
}

HeldChild::HeldChild(HeldChild&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      go_(std::move(other.go_)),
      go_read_end_(std::move(other.go_read_end_)),
      status_(std::move(other.status_)),
      command_(std::move(other.command_)),
      released_(other.released_),
      forked_at_(other.forked_at_),
      released_at_(other.released_at_),
      held_usage_(other.held_usage_) {}

HeldChild::~HeldChild() {
  if (pid_ <= 0 || released_) return;
  ::kill(pid_, SIGKILL);
  int wait_status = 0;
  while (::waitpid(pid_, &wait_status, __WALL) < 0 && errno == EINTR) {
  }
}

void HeldChild::let_go() {
  FT_CHECK(!released_);
  released_ = true;
  released_at_ = monotonic_now();
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = ::write(go_.get(), &byte, 1);
  go_read_end_.reset();
  go_.reset();
}

Result<std::optional<ExecFailure>> HeldChild::exec_outcome() {
  while (const std::optional<Message> message = read_message(status_.get())) {
    if (message->report == Report::AboutToExecute) held_usage_ = message->usage;
    if (message->report == Report::CannotExecute) {
      return ExecFailure{message->error_number, explain(command_, message->error_number)};
    }
  }
  return std::nullopt;
}

Result<std::optional<ExecFailure>> HeldChild::release(TargetWatch& watch) {
  let_go();
  // A seized child has to be helped past its stops, and is done only after the exec stop, which
  // comes when the pipe is closed already.
  while (watch.stops_at_exec() && !watch.executed() && !watch.end()) {
    pollfd woken{watch.signals().wake_fd(), POLLIN, 0};
    ::poll(&woken, 1, 100);
    FT_TRY_VOID(watch.step());
  }
  std::optional<ExecFailure> failure = FT_TRY(exec_outcome());
  if (failure) FT_TRY(watch.wait());
  return failure;
}

}  // namespace ft::capture
