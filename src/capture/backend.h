// What every capture backend is asked for and what it answers. A backend is one function,
//
//   Result<RecordResult> record(const RecordOptions&, event::EventSink&);
//
// in its own namespace (capture::bpf, capture::ptrace): it starts or attaches to the target, tells
// the sink all it sees, and returns when the target has ended or the recording was asked to stop.
// An Error means the recording itself failed; a target that could not be started, or that failed,
// is a RecordResult.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "capture/file_systems.h"
#include "event/sink.h"
#include "event/stack_copy.h"

namespace ft::capture {

struct RecordOptions {
  std::vector<std::string> command;     // argv of the target; empty when attaching
  std::optional<pid_t> attach;          // a running process to follow instead
  std::optional<Nanoseconds> duration;  // attach only: stop after this long
  std::string user;                     // run the target as; empty: see capture/credentials.h
  bool dwarf_stacks = false;            // copy the user stack for unwinding afterwards
  bool full_snapshots = false;          // bpf only: smaps of a JVM that has just initialised, too
  std::size_t ring_bytes = 16 * kMiB;   // bpf only: size of the event buffer
  // bpf only: called when the snapshot of the target at its end has been taken, with its memory
  // still there. What it notes goes into the recording.
  std::function<void(pid_t, event::EventSink&)> at_end;
  unsigned sample_hz = 0;  // bpf only: samples a second of each running thread; 0: none
  std::optional<Nanoseconds> working_set_interval;  // look so often at which pages are used
  std::vector<std::string> counters;                // events to count, see capture/counters.h
};

struct RecordResult {
  // What `firsttouch record` exits with: the target's own status, 128+N if signal N killed it, 126
  // or 127 if it could not be executed, 0 when attached and detached again.
  int exit_status = 0;
  std::optional<Error> not_started;  // set with 126 and 127: there is nothing worth keeping
  // The backend cannot work on this host, and nothing was started: another one may be tried.
  std::optional<Error> unavailable;
  std::vector<event::StackCopy> stack_copies;  // with dwarf_stacks: still to be unwound
  std::shared_ptr<FileSystems> file_systems;   // where the mapped files can be found; may be null
};

}  // namespace ft::capture
