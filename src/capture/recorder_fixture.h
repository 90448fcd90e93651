// For tests with real processes: a recorder of the smallest kind, forked into a process group of
// its own, which runs a target while the test looks at both from outside.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "capture/launch.h"
#include "capture/target_watch.h"

namespace ft::capture {

using Stops = TargetWatch::Stops;

inline std::string target(const std::string& name) {
  return std::string(FT_BINARY_DIR) + "/bin/targets/" + name;
}

// A number that two processes share; readable like a plain one.
template <typename T>
class Shared {
 public:
  Shared& operator=(T value) {
    value_ = value;
    return *this;
  }
  Shared& operator++() {
    ++value_;
    return *this;
  }
  operator T() const { return value_; }

 private:
  std::atomic<T> value_;
};

// What the recorder tells the test, in memory both share.
struct Seen {
  Shared<int> target_pid;
  Shared<int> execs;
  Shared<int> exits;
  Shared<int> exit_wait_status;
  Shared<int> maps_lines_at_exec;
  Shared<int> maps_lines_at_exit;
  Shared<int> end_was_seen;
  Shared<int> wait_status;
  Shared<long> minor_faults;
  Shared<long> held_minor_faults;
  char error[512];
};

inline int lines_of_maps(pid_t pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  int lines = 0;
  for (std::string line; std::getline(maps, line);) ++lines;
  return lines;
}

// The state letter of /proc/PID/stat.
inline char state_of(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t end = text.rfind(") ");
  return end == std::string::npos ? '?' : text[end + 2];
}

// Whether it gets into one of the states within five seconds.
inline bool reaches_state(pid_t pid, const std::string& states) {
  for (int i = 0; i < 500; ++i) {
    if (states.find(state_of(pid)) != std::string::npos) return true;
    ::usleep(10'000);
  }
  return false;
}

// What a recorder does, without recording.
inline int record(const HeldChild::Options& options, Stops stops, Seen& seen) {
  const auto failed = [&](const Error& error) {
    std::snprintf(seen.error, sizeof seen.error, "%s", error.message().c_str());
    return 125;
  };
  auto signals = RecorderSignals::make();
  if (!signals) return failed(signals.error());
  auto child = HeldChild::make(options, *signals);
  if (!child) return failed(child.error());
  seen.target_pid = child->pid();
  TargetWatch::Hooks hooks;
  hooks.stops = stops;
  hooks.on_exec = [&](pid_t pid) {
    ++seen.execs;
    seen.maps_lines_at_exec = lines_of_maps(pid);
  };
  hooks.on_exit = [&](pid_t pid, int status) {
    ++seen.exits;
    seen.exit_wait_status = status;
    seen.maps_lines_at_exit = lines_of_maps(pid);
  };
  auto watch = TargetWatch::follow(*child, *signals, hooks);
  if (!watch) return failed(watch.error());
  auto failure = child->release(*watch);
  if (!failure) return failed(failure.error());
  if (*failure) {
    failed((*failure)->error);
    return (*failure)->exit_status();
  }
  auto end = watch->wait();
  if (!end) return failed(end.error());
  seen.end_was_seen = end->end_was_seen ? 1 : 0;
  seen.wait_status = end->wait_status;
  seen.minor_faults = end->usage.ru_minflt;
  seen.held_minor_faults = static_cast<long>(child->held_usage().minor_faults);
  return exit_status_of(end->wait_status);
}

// A process of the test's own, in its own group, its output readable.
class Recorder {
 public:
  explicit Recorder(const std::function<int()>& body) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], 1);
      ::_exit(body());
    }
    ::setpgid(pid_, pid_);
    ::close(ends[1]);
    output_ = Fd(ends[0]);
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  pid_t pid() const { return pid_; }

  std::string read_line() {
    std::string line;
    for (char byte = 0; ::read(output_.get(), &byte, 1) == 1 && byte != '\n';) line += byte;
    return line;
  }
  std::string read_all() {
    std::string all;
    std::array<char, 4096> bytes;
    for (ssize_t got = 0; (got = ::read(output_.get(), bytes.data(), bytes.size())) > 0;) {
      all.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  int wait() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return exit_status_of(status);
  }

 private:
  pid_t pid_ = -1;
  Fd output_;
};

class Launch : public testing::TestWithParam<Stops> {
 protected:
  Launch() {
    void* memory =
        ::mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    seen_ = new (memory) Seen{};
  }
  ~Launch() override { ::munmap(seen_, sizeof(Seen)); }

  std::unique_ptr<Recorder> start(std::vector<std::string> command) {
    return std::make_unique<Recorder>([this, command = std::move(command)] {
      return record({.command = command, .user = {}, .prepare = {}}, GetParam(), *seen_);
    });
  }
  int run(std::vector<std::string> command) { return start(std::move(command))->wait(); }
  bool stops() const { return GetParam() == Stops::ExecAndExit; }

  Seen* seen_;
};

inline std::string name_of_parameter(const testing::TestParamInfo<Stops>& parameter) {
  return parameter.param == Stops::None ? "Plain" : "Seized";
}

}  // namespace ft::capture
