#include "capture/working_set_scanner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "capture/target_meta.h"
#include "host/referenced.h"
#include "host/smaps.h"

namespace ft::capture {

namespace {

// A build starts thousands; a JVM's start a few.
constexpr std::size_t kMostProcesses = 8;

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> threads;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(fmt::format("/proc/{}/task", pid)), ignored)) {
    if (const auto tid = parse_integer<pid_t>(entry.path().filename().string())) {
      threads.push_back(*tid);
    }
  }
  return threads;
}

// The CPU the thread ran on last: field 39 of stat, counted behind the name's closing parenthesis.
std::optional<int> last_cpu_of(pid_t pid, pid_t tid) {
  const auto text = read_file(fmt::format("/proc/{}/task/{}/stat", pid, tid));
  if (!text) return std::nullopt;
  const std::size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(*text).substr(name_end + 1);
  constexpr int kState = 3;
  constexpr int kProcessor = 39;
  for (int field = kState; field < kProcessor; ++field) take_word(rest);
  return parse_integer<int>(take_word(rest));
}

int clear_referenced(pid_t pid) {
  const Fd file(::open(fmt::format("/proc/{}/clear_refs", pid).c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return errno;
  return ::write(file.get(), "1", 1) == 1 ? 0 : errno;
}

bool is_gone(int error) {
  return error == ENOENT || error == ESRCH;
}

// They are the recorder's.
void block_all_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

WorkingSetScanner::WorkingSetScanner(Nanoseconds interval, Nanoseconds start)
    : interval_(interval), start_(start) {}

WorkingSetScanner::~WorkingSetScanner() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WorkingSetScanner::begin(pid_t target) {
  target_ = target;
  if (auto evictor = TlbEvictor::make()) {
    evictor_.emplace(std::move(*evictor));
  } else {
    note(evictor.error());
  }
  thread_ = std::thread([this] { run(); });
}

void WorkingSetScanner::run() {
  block_all_signals();
  Nanoseconds next = monotonic_now();
  do {
    scan_all();
    // A scan that took longer than the interval does not make the next ones come at once.
    next = std::max(next + interval_, monotonic_now() + interval_ / 2);
  } while (wait_until(next));
}

bool WorkingSetScanner::wait_until(Nanoseconds at) {
  std::unique_lock lock(mutex_);
  const std::chrono::nanoseconds left(std::max<Nanoseconds>(at - monotonic_now(), 0));
  return !wake_.wait_for(lock, left, [this] { return stopping_; });
}

void WorkingSetScanner::scan_all() {
  for (const pid_t pid : processes()) scan(pid, watched_[pid]);
}

// The target and what descends from it, the oldest first.
std::vector<pid_t> WorkingSetScanner::processes() {
  std::vector<pid_t> found = {target_};
  std::uint64_t left_out = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const pid_t tid : threads_of(found[i])) {
      if (const auto cpu = last_cpu_of(found[i], tid)) cpus_.insert(*cpu);
      const auto children = read_file(fmt::format("/proc/{}/task/{}/children", found[i], tid));
      std::string_view rest = children ? std::string_view(*children) : std::string_view();
      while (!rest.empty()) {
        const auto child = parse_integer<pid_t>(take_word(rest));
        if (!child) break;
        if (found.size() < kMostProcesses) {
          found.push_back(*child);
        } else {
          ++left_out;
        }
      }
    }
  }
  const std::lock_guard lock(mutex_);
  processes_left_out_ = std::max(processes_left_out_, left_out);
  return found;
}

void WorkingSetScanner::scan(pid_t pid, Watched& watched) {
  host::ReferencedScan scan;
  const Nanoseconds begun = monotonic_now();
  const auto text = read_file(fmt::format("/proc/{}/smaps", pid));
  const Nanoseconds read = monotonic_now();
  const int error = clear_referenced(pid);
  const Nanoseconds cleared = monotonic_now();
  if (is_gone(error)) return;
  if (error != 0) {
    return note({.what = fmt::format("/proc/{}/clear_refs", pid),
                 .why = std::error_code(error, std::generic_category()).message(),
                 .remedy = {}});
  }
  if (evictor_) scan.cpus = evictor_->evict(cpus_);
  scan.evict = monotonic_now() - cleared;
  scan.interval = begun - watched.cleared;
  scan.read = read - begun;
  scan.clear = cleared - read;
  // The first look only begins the first interval.
  if (std::exchange(watched.cleared, cleared) == 0) return;
  if (!text) return note(text.error());
  const auto smaps = host::parse_smaps(*text);
  if (!smaps) return note(smaps.error());
  if (smaps->empty()) return;  // it has ended
  host::take_areas(*smaps, scan);
  const std::lock_guard lock(mutex_);
  scans_.push_back({.ts = begun - start_,
                    .pid = pid,
                    .moment = "scan",
                    .source = "referenced",
                    .text = host::to_text(scan)});
}

void WorkingSetScanner::note(const Error& problem) {
  const std::lock_guard lock(mutex_);
  if (!problem_) problem_ = problem;
}

void WorkingSetScanner::tell_new(event::EventSink& sink) {
  std::vector<event::Snapshot> scans;
  {
    const std::lock_guard lock(mutex_);
    scans.swap(scans_);
  }
  for (const event::Snapshot& scan : scans) sink.on_snapshot(scan);
}

void WorkingSetScanner::finish(event::EventSink& sink) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  tell_new(sink);
  tell(sink, "working_set.interval_ns", interval_);
  if (problem_) sink.on_meta("working_set.problem", problem_->message());
  if (evictor_ && !evictor_->evicts_code()) sink.on_meta("working_set.evicts", "data");
  if (processes_left_out_ != 0) {
    sink.on_loss({.kind = "working sets of children",
                  .count = processes_left_out_,
                  .severity = event::LossSeverity::Notice,
                  .meaning = fmt::format("processes at a time whose referenced pages were not "
                                         "looked at: only the first {} are",
                                         kMostProcesses)});
  }
}

}  // namespace ft::capture
