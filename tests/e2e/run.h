// Runs programs as a user would and reads what they left behind.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "event/trace.h"

namespace ft::e2e {

// The binary under test, and the small programs of tests/targets.
std::string firsttouch();
std::string target(const std::string& name);

// JDKs found here: "17", "25" and their java; tests that need one skip without it.
struct Jdk {
  std::string name;
  std::string home;
  std::string java() const { return home + "/bin/java"; }
  std::string jcmd() const { return home + "/bin/jcmd"; }
};
std::vector<Jdk> installed_jdks();

// Folder with the test programs' classes (tests/targets/*.java), compiled once.
std::string classes();

struct Finished {
  int wait_status = 0;
  std::string out;
  std::string err;

  int exit_status() const;  // 128+N for a signal
};

Finished run(const std::vector<std::string>& command);

// A program that goes on while the test looks at it. Killed at the end of its life.
class Running {
 public:
  explicit Running(const std::vector<std::string>& command);
  Running(const Running&) = delete;
  ~Running();

  pid_t pid() const { return pid_; }
  void send(int signal) const;
  int wait();  // wait(2)'s status
  // What it has written so far, standard output and error.
  std::string output() const;
  // Waits until the output holds `text`; false after ten seconds.
  bool wait_for(const std::string& text) const;

 private:
  pid_t pid_ = -1;
  bool reaped_ = false;
  std::string output_path_;
};

// A file name in a folder of this test process; removed at its end.
std::string scratch(const std::string& name);

// A recording, whole in memory.
struct Recorded {
  event::Trace trace;
  std::vector<event::Fault> faults;
  std::vector<event::PageAlloc> page_allocs;
  std::vector<event::TlbFlush> tlb_flushes;

  std::uint64_t meta_number(const std::string& key) const;
  std::uint64_t lost() const;  // of severity DataLoss
  std::map<std::string, int> calls_by_name(std::optional<event::Pid> pid = {}) const;
  event::Pid target() const { return static_cast<event::Pid>(meta_number("target.pid")); }
};

Recorded load(const std::string& path);

// Records the command into scratch(name) with the BPF backend, expects it to end with `status`.
Recorded record(const std::string& name, const std::vector<std::string>& command,
                const std::vector<std::string>& options = {}, int status = 0);

// Whether BPF works here; why not, otherwise.
std::optional<std::string> why_no_bpf();

}  // namespace ft::e2e

#define FT_NEEDS_BPF()                               \
  if (const auto why = ::ft::e2e::why_no_bpf(); why) \
  GTEST_SKIP() << "needs the BPF backend: " << *why
