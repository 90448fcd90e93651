// The memory map of a recorded process at any moment of its recording: what was mapped and
// committed by the replayed calls, what was in memory by the recorded faults, and at the end by the
// kernel's own counters, where the recording has them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "event/trace.h"
#include "report/model/memory_map.h"

namespace ft::analysis {

struct RecordedMapOptions {
  std::string at;                 // "350ms", "1.5s", the name of a phase; empty: the end
  std::optional<event::Pid> pid;  // empty: the process the report is about
};

// Fails where the source cannot be read, the moment is none, or no such process was recorded.
Result<report::model::MemoryMap> recorded_map(event::EventSource& source,
                                              const RecordedMapOptions& options);

// Nanoseconds of "350ms", "1.5s", "20us", "17ns"; nothing where it is no time.
std::optional<Nanoseconds> parse_moment(std::string_view text);

}  // namespace ft::analysis
