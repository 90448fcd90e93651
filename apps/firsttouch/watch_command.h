// WatchedCommand is the command of `watch -- CMD`: started held as record starts one, passed
// signals, seen to its end, looked at a last time just before its address space goes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "capture/launch.h"
#include "capture/signals.h"
#include "capture/target_watch.h"

namespace ft::app {

class WatchedCommand {
 public:
  struct Options {
    std::vector<std::string> command;
    // A screen has the terminal: what of the command's output went there is kept in a file, and its
    // input is empty.
    bool keep_output = false;
    std::function<void(pid_t)> on_exec;  // a new program is mapped, nothing of it has run
    std::function<void(pid_t)> on_exit;  // its address space is whole, it stands still
  };

  // REQUIRES: `signals` outlives it.
  static Result<std::unique_ptr<WatchedCommand>> start(Options options,
                                                       capture::RecorderSignals& signals);
  WatchedCommand(const WatchedCommand&) = delete;
  WatchedCommand& operator=(const WatchedCommand&) = delete;

  // Lets it execute; a failure of execve(2) is returned.
  Result<std::optional<capture::ExecFailure>> release();

  pid_t pid() const { return child_->pid(); }
  Result<void> step() { return watch_->step(); }
  const std::optional<capture::TargetEnd>& end() const { return watch_->end(); }
  Nanoseconds released_at() const { return child_->released_at(); }
  const capture::HeldUsage& held_usage() const { return child_->held_usage(); }

  bool keeps_output() const { return output_.valid(); }
  // The last of what it wrote, at most `most` bytes.
  std::string output_tail(std::size_t most) const;
  // Writes to the terminal, where it would have gone, what has not been written there yet.
  void copy_output();

 private:
  WatchedCommand() = default;

  Fd output_;
  Fd nothing_;
  bool redirect_in_ = false;
  bool redirect_out_ = false;
  bool redirect_err_ = false;
  off_t copied_ = 0;  // bytes that copy_output() has written
  std::optional<capture::HeldChild> child_;
  std::optional<capture::TargetWatch> watch_;
};

}  // namespace ft::app
