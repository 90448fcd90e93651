// Prints a recording as a trace for ui.perfetto.dev: each thread with its system calls and page
// faults as slices, the JVM's phases, what memory management did to a thread, counters, samples,
// and arrows from the call that reserved memory to the one that committed it to its first touch.
// docs/perfetto.md says what is where in the viewer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "event/trace.h"
#include "report/perfetto/trace_writer.h"

namespace ft::report::perfetto {

// What is known of an address at a time.
struct Place {
  std::string_view subsystem = "Unknown";
  std::string_view detail;
  std::int32_t made_by = -1;  // the call that made the area, an index into Trace::syscalls
};

struct Counter {
  std::string name;
  Unit unit = Unit::Bytes;
  bool of_host = false;  // of the host, not of the process
  std::vector<std::pair<Nanoseconds, std::uint64_t>> points;
};

struct Material {
  const event::Trace& trace;
  event::EventSource& source;  // faults and samples
  event::Pid pid = 0;          // whose phases and counters they are
  std::vector<Counter> counters;
  std::function<Place(event::Pid, std::uint64_t address, Nanoseconds ts)> place_at;
  // Index into Trace::threads; negative for a tid that was never seen.
  std::function<std::int32_t(event::Tid, Nanoseconds ts)> thread_at;
};

// Memory does not grow with the number of events. Fails where the source cannot be read; a `write`
// that stops ends it without error.
Result<void> print(const Material& material, const Write& write);

}  // namespace ft::report::perfetto
