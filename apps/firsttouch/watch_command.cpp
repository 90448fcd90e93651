#include "watch_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace ft::app {

namespace {

// A file without a name: it is gone when we are.
Result<Fd> nameless_file() {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) folder = "/tmp";
  Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
  if (file.valid()) return file;
  // Some file systems have no O_TMPFILE.
  std::string name = (folder / "firsttouch-output-XXXXXX").string();
  file = Fd(::mkostemp(name.data(), O_APPEND | O_CLOEXEC));
  if (!file.valid())
    return fail_errno("a file for the command's output in " + folder.string(), errno);
  ::unlink(name.c_str());
  return file;
}

}  // namespace

Result<std::unique_ptr<WatchedCommand>> WatchedCommand::start(Options options,
                                                              capture::RecorderSignals& signals) {
  std::unique_ptr<WatchedCommand> command(new WatchedCommand);
  if (options.keep_output) {
    command->output_ = FT_TRY(nameless_file());
    command->nothing_ = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    command->redirect_in_ = ::isatty(STDIN_FILENO) == 1;
    command->redirect_out_ = ::isatty(STDOUT_FILENO) == 1;
    command->redirect_err_ = ::isatty(STDERR_FILENO) == 1;
  }
  WatchedCommand* self = command.get();
  const auto redirect = [self]() -> int {
    const auto replace = [](bool wanted, int by, int fd) { return !wanted || ::dup2(by, fd) >= 0; };
    const bool done = replace(self->redirect_in_, self->nothing_.get(), STDIN_FILENO) &&
                      replace(self->redirect_out_, self->output_.get(), STDOUT_FILENO) &&
                      replace(self->redirect_err_, self->output_.get(), STDERR_FILENO);
    return done ? 0 : errno;
  };
  command->child_.emplace(FT_TRY(capture::HeldChild::make(
      {.command = options.command, .user = {}, .prepare = redirect}, signals)));
  capture::TargetWatch::Hooks hooks;
  hooks.stops = capture::TargetWatch::Stops::ExecAndExit;
  hooks.on_exec = std::move(options.on_exec);
  hooks.on_exit = [on_exit = std::move(options.on_exit)](pid_t pid, int) { on_exit(pid); };
  auto watch = capture::TargetWatch::follow(*command->child_, signals, hooks);
  if (watch) {
    command->watch_.emplace(*std::move(watch));
    return command;
  }
  // Without the right to trace: its end is seen when it is over.
  hooks.stops = capture::TargetWatch::Stops::None;
  command->watch_.emplace(FT_TRY(capture::TargetWatch::follow(*command->child_, signals, hooks)));
  return command;
}

Result<std::optional<capture::ExecFailure>> WatchedCommand::release() {
  return child_->release(*watch_);
}

std::string WatchedCommand::output_tail(std::size_t most) const {
  const off_t size = ::lseek(output_.get(), 0, SEEK_END);
  if (size <= 0) return {};
  const auto wanted = std::min(most, static_cast<std::size_t>(size));
  std::string text(wanted, '\0');
  const ssize_t got =
      ::pread(output_.get(), text.data(), wanted, size - static_cast<off_t>(wanted));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

void WatchedCommand::copy_output() {
  if (!output_.valid()) return;
  // A standard output that leads elsewhere never got into the file.
  const int terminal = redirect_out_ ? STDOUT_FILENO : STDERR_FILENO;
  std::array<char, 65536> part{};
  while (true) {
    const ssize_t got = ::pread(output_.get(), part.data(), part.size(), copied_);
    if (got <= 0) return;
    copied_ += got;
    // What cannot be written is the reader's loss: the pipe is closed, the disk is full.
    for (ssize_t at = 0; at < got;) {
      const ssize_t written = ::write(terminal, part.data() + at, static_cast<size_t>(got - at));
      if (written < 0 && errno != EINTR) return;
      if (written > 0) at += written;
    }
  }
}

}  // namespace ft::app
