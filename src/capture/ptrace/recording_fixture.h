// For tests that record real programs with this backend and look at what was recorded.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "capture/ptrace/recorder.h"
#include "capture/recorder_fixture.h"
#include "event/memory_trace.h"

namespace ft::capture::ptrace {

using event::Trace;

using Counts = std::map<std::string, int>;

struct Recorded {
  RecordResult result;
  Trace trace;
};

// Discards what the target prints, as the test's own output is for a reader.
class Quiet {
 public:
  Quiet() : kept_(::dup(1)) {
    const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    ::dup2(null.get(), 1);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  ~Quiet() {
    ::dup2(kept_, 1);
    ::close(kept_);
  }

 private:
  int kept_;
};

inline Recorded record_command(std::vector<std::string> command) {
  RecordOptions options;
  options.command = std::move(command);
  event::MemoryTrace trace;
  const Quiet quiet;
  auto result = record(options, trace);
  EXPECT_TRUE(result) << result.error().message();
  if (!result) return {};
  return {*result, trace.trace().value()};
}

inline Counts counts_of(const Trace& trace) {
  Counts counts;
  for (const event::Syscall& call : trace.syscalls) {
    // -512...-516: the kernel breaks a call off for a signal and starts it again. How often that
    // happens is chance.
    if (call.ret <= -512 && call.ret >= -516) continue;
    ++counts[std::string(event::name_of(call.number))];
  }
  return counts;
}

inline std::map<std::string, event::Loss> losses_of(const Trace& trace) {
  std::map<std::string, event::Loss> losses;
  for (const event::Loss& loss : trace.losses) losses[loss.kind] = loss;
  return losses;
}

inline std::set<std::string> snapshots_of(const Trace& trace, event::Pid pid) {
  std::set<std::string> found;
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.pid == pid && !snapshot.text.empty()) {
      found.insert(snapshot.moment + " " + snapshot.source);
    }
  }
  return found;
}

inline int record_quietly(const RecordOptions& options) {
  event::MemoryTrace trace;
  const auto result = record(options, trace);
  return result ? result->exit_status : 125;
}

}  // namespace ft::capture::ptrace
