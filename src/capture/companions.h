// Companions are what a recording may have beside its backend's own events, whichever backend that
// is: looks at the working set, and counters. All of it as the options ask.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string_view>

#include "base/units.h"
#include "capture/backend.h"
#include "capture/counters.h"
#include "capture/working_set_scanner.h"
#include "event/sink.h"

namespace ft::capture {

class Companions {
 public:
  // `start`: CLOCK_MONOTONIC at ts 0. Both references outlive it.
  Companions(const RecordOptions& options, Nanoseconds start, event::EventSink& sink);

  // Counters of the thread and what it starts.
  void count(pid_t tid, Counters::From from);
  // Of further threads of a process that runs already.
  void count_too(pid_t tid);

  // Looks at the process's memory from now on. REQUIRES: it runs what it is to run.
  void watch(pid_t pid);

  // Now and then, and after whatever may have been a border of phases: `marks` is how many there
  // were so far. Counters are read when that changes.
  void step(std::size_t marks);

  // When the target has ended, or the recording is to.
  void finish();

 private:
  void read_counters();

  const RecordOptions& options_;
  Nanoseconds start_;
  event::EventSink& sink_;
  pid_t pid_ = 0;
  std::size_t marks_ = 0;
  std::optional<Counters> counters_;
  std::unique_ptr<WorkingSetScanner> scanner_;
};

}  // namespace ft::capture
