// WatchSession holds together what a watch in progress needs, whatever shows it: the process
// (given, or started), the sampler, signals and time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "capture/signals.h"
#include "report/model/watch.h"
#include "watch_command.h"
#include "watch_sampler.h"

namespace ft::app {

class WatchSession {
 public:
  // Fails where the process cannot be watched.
  static Result<std::unique_ptr<WatchSession>> attach(pid_t pid,
                                                      const WatchSampler::Options& options,
                                                      capture::RecorderSignals signals);

  // Holds the command; begin() lets it go.
  static Result<std::unique_ptr<WatchSession>> launch(std::vector<std::string> command,
                                                      bool keep_output,
                                                      const WatchSampler::Options& options,
                                                      capture::RecorderSignals signals);
  WatchSession(const WatchSession&) = delete;
  WatchSession& operator=(const WatchSession&) = delete;

  // The first refresh. A command that cannot be executed ends the watch: the failure is returned.
  Result<std::optional<capture::ExecFailure>> begin();

  enum class Event : std::uint8_t {
    Due,      // the time has come
    Input,    // the descriptor given has something to read, or a signal came
    Ended,    // the process has: told once
    Stopped,  // the user asked for an end
  };
  // Waits for the next of them. `input_fd` -1: none.
  Result<Event> wait(Nanoseconds until, int input_fd = -1);

  const report::model::Watch& refresh(WatchSampler::Reading reading);
  const report::model::Watch& shown() const { return shown_; }

  bool ended() const { return sampler_.ended(); }
  WatchedCommand* command() { return command_.get(); }

  // Of a command that has ended; nothing else has one.
  std::optional<int> exit_status() const;
  std::optional<report::model::BeforeAfter> before_after() const;

 private:
  WatchSession(const WatchSampler::Options& options, capture::RecorderSignals signals)
      : signals_(std::move(signals)), sampler_(options) {}
  void follow(pid_t pid);
  bool look_for_end();
  void note_end();

  capture::RecorderSignals signals_;
  WatchSampler sampler_;
  std::vector<std::string> words_;
  std::unique_ptr<WatchedCommand> command_;
  Fd pidfd_;  // of a process that is given
  bool end_told_ = false;
  report::model::Watch shown_;
  analysis::WatchLook before_;
  analysis::WatchLook after_;
};

}  // namespace ft::app
