// WorkingSetScanner looks every so often which pages the target and its children have used since
// the last look, from a thread of its own: smaps tells what was referenced, clear_refs makes the
// kernel forget it. Costs the target what docs/working-set.md says; no page faults.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "capture/tlb_evictor.h"
#include "event/event.h"
#include "event/sink.h"

namespace ft::capture {

class WorkingSetScanner {
 public:
  // `start`: CLOCK_MONOTONIC at ts 0.
  WorkingSetScanner(Nanoseconds interval, Nanoseconds start);
  WorkingSetScanner(const WorkingSetScanner&) = delete;
  WorkingSetScanner& operator=(const WorkingSetScanner&) = delete;
  ~WorkingSetScanner();

  // From now on: the process, and the first of those it starts.
  void begin(pid_t target);

  // Tells the sink the scans that are complete. From the sink's thread.
  void tell_new(event::EventSink& sink);

  // Ends the thread, tells what is left and how it went as a whole.
  void finish(event::EventSink& sink);

 private:
  struct Watched {
    Nanoseconds cleared = 0;  // when its bits last were, CLOCK_MONOTONIC
  };

  void run();
  bool wait_until(Nanoseconds at);
  void scan_all();
  std::vector<pid_t> processes();
  void scan(pid_t pid, Watched& watched);
  void note(const Error& problem);

  const Nanoseconds interval_;
  const Nanoseconds start_;
  pid_t target_ = 0;
  std::optional<TlbEvictor> evictor_;
  std::map<pid_t, Watched> watched_;  // of the thread
  std::set<int> cpus_;                // on which their threads ran, so far

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<event::Snapshot> scans_;  // not told yet
  std::uint64_t processes_left_out_ = 0;
  std::optional<Error> problem_;
  std::thread thread_;
};

}  // namespace ft::capture
