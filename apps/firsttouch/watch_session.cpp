#include "watch_session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "analysis/watch/before_after.h"
#include "base/clock.h"

namespace ft::app {

namespace {

// A command's stops want an answer soon.
constexpr int kPollMilliseconds = 100;
constexpr Nanoseconds kMillisecond = 1'000'000;

Nanoseconds nanoseconds(const timeval& time) {
  return Nanoseconds{time.tv_sec} * 1'000'000'000 + Nanoseconds{time.tv_usec} * 1'000;
}

}  // namespace

Result<std::unique_ptr<WatchSession>> WatchSession::attach(pid_t pid,
                                                           const WatchSampler::Options& options,
                                                           capture::RecorderSignals signals) {
  const host::ProcessIdentity who = FT_TRY(host::identify_process(host::HostFiles(), pid));
  std::unique_ptr<WatchSession> session(new WatchSession(options, std::move(signals)));
  // Wakes us at its end; the refreshes find out by themselves where the kernel has no pidfd.
  session->pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  session->sampler_.follow(who);
  return session;
}

Result<std::unique_ptr<WatchSession>> WatchSession::launch(std::vector<std::string> command,
                                                           bool keep_output,
                                                           const WatchSampler::Options& options,
                                                           capture::RecorderSignals signals) {
  std::unique_ptr<WatchSession> session(new WatchSession(options, std::move(signals)));
  WatchSession* self = session.get();
  session->words_ = command;
  session->command_ = FT_TRY(WatchedCommand::start(
      {.command = std::move(command),
       .keep_output = keep_output,
       .on_exec = [self](pid_t pid) { self->follow(pid); },
       .on_exit = [self](pid_t) { self->refresh(WatchSampler::Reading::Everything); }},
      session->signals_));
  return session;
}

Result<std::optional<capture::ExecFailure>> WatchSession::begin() {
  if (command_) {
    before_ = look_at_host();
    auto failure = FT_TRY(command_->release());
    if (failure) return failure;
    // Where it could not be stopped at its exec, it is found now, or is over already.
    if (!sampler_.follows()) follow(command_->pid());
    look_for_end();
  }
  refresh(WatchSampler::Reading::Everything);
  return std::nullopt;
}

void WatchSession::follow(pid_t pid) {
  if (auto who = host::identify_process(host::HostFiles(), pid)) sampler_.follow(*who);
}

const report::model::Watch& WatchSession::refresh(WatchSampler::Reading reading) {
  shown_ = sampler_.sample(reading);
  return shown_;
}

void WatchSession::note_end() {
  const int status = *exit_status();
  sampler_.set_end(status > 128 ? fmt::format("was ended by signal {}", status - 128)
                                : fmt::format("has ended with exit status {}", status));
  after_ = look_at_host();
}

// True the first time that the process is found to have ended.
bool WatchSession::look_for_end() {
  if (end_told_) return false;
  if (command_) {
    if (!command_->end()) return false;
    note_end();
  } else if (!sampler_.ended()) {
    pollfd gone{pidfd_.get(), POLLIN, 0};
    if (!pidfd_.valid() || ::poll(&gone, 1, 0) <= 0) return false;
    sampler_.set_end("has ended");
  }
  end_told_ = true;
  return true;
}

Result<WatchSession::Event> WatchSession::wait(Nanoseconds until, int input_fd) {
  while (true) {
    if (command_ && !command_->end()) FT_TRY_VOID(command_->step());
    signals_.drain();
    if (signals_.stop_signal() != 0) return Event::Stopped;
    if (look_for_end()) return Event::Ended;
    const Nanoseconds left = until - monotonic_now();
    if (left <= 0) return Event::Due;
    // A descriptor below zero is passed over.
    const int watched = end_told_ ? -1 : pidfd_.get();
    std::array<pollfd, 3> events{pollfd{signals_.wake_fd(), POLLIN, 0}, pollfd{watched, POLLIN, 0},
                                 pollfd{input_fd, POLLIN, 0}};
    const auto timeout = std::min<Nanoseconds>((left + kMillisecond - 1) / kMillisecond,
                                               command_ ? kPollMilliseconds : 60'000);
    const int ready = ::poll(events.data(), events.size(), static_cast<int>(timeout));
    if (ready < 0 && errno != EINTR) return fail_errno("poll", errno);
    // A new size of the terminal shows as an interrupted call.
    if (input_fd >= 0 && (ready < 0 || events[2].revents != 0)) return Event::Input;
  }
}

std::optional<int> WatchSession::exit_status() const {
  if (!command_ || !command_->end()) return std::nullopt;
  return capture::exit_status_of(command_->end()->wait_status);
}

std::optional<report::model::BeforeAfter> WatchSession::before_after() const {
  if (!exit_status()) return std::nullopt;
  const capture::TargetEnd& end = *command_->end();
  const capture::HeldUsage& held = command_->held_usage();
  const auto less = [](std::int64_t whole, std::int64_t part) {
    return std::max<std::int64_t>(whole - part, 0);
  };
  const auto counted = [&](long whole, std::uint64_t part) {
    return static_cast<std::uint64_t>(less(whole, static_cast<std::int64_t>(part)));
  };
  report::model::BeforeAfter table;
  table.command = words_;
  table.exit_status = exit_status();
  table.wall_ns = less(end.at, command_->released_at());
  table.peak_resident = static_cast<std::uint64_t>(end.usage.ru_maxrss) * kKiB;
  table.minor_faults = counted(end.usage.ru_minflt, held.minor_faults);
  table.major_faults = counted(end.usage.ru_majflt, held.major_faults);
  table.user_ns = less(nanoseconds(end.usage.ru_utime), held.user_time);
  table.system_ns = less(nanoseconds(end.usage.ru_stime), held.system_time);
  table.rows = analysis::compare(before_, after_);
  return table;
}

}  // namespace ft::app
