// Step is one thing that happened to an address space in a trace, and its place in time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"

namespace ft::sim::replay {

enum class Stream : std::uint8_t { Call, Fault, Snapshot, Flush, Process };

std::string_view name_of(Stream stream);  // "call"

struct Step {
  Stream stream = Stream::Call;
  std::uint32_t index = 0;  // into the trace's calls, faults or snapshots
  event::Pid pid = 0;       // whose address space
  event::Tid tid = 0;
  // When it may have taken effect, at the earliest and at the latest. A system call of another
  // thread that overlaps may have come before or after.
  Nanoseconds from = 0;
  Nanoseconds to = 0;
  bool ends = false;  // a process's end rather than its beginning

  // As people and `explain` count them: from 1.
  std::uint64_t number() const { return std::uint64_t{index} + 1; }
  bool overlaps(const Step& other) const { return from < other.to && other.from < to; }
};

// Something in the trace that cannot have been, or that cannot be understood from the trace alone.
// Everything else is still replayed.
struct Contradiction {
  Stream stream = Stream::Call;
  std::uint64_t number = 0;  // from 1; 0: the trace as a whole
  Nanoseconds ts = 0;
  std::string what;
};

// "call 17 at 12.5 ms"
std::string place_of(Stream stream, std::uint64_t number, Nanoseconds ts);

}  // namespace ft::sim::replay
