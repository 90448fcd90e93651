// Replays the mapping calls of every process of a trace into what was mapped where and when. It
// knows the kernel's rules and nothing of owners: each piece only remembers the area it was first
// reserved in, which survives commits, splits, protection changes and moves (classify.h gives areas
// owners).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attribution/call_facts.h"
#include "base/range.h"
#include "event/trace.h"

namespace ft::attribution {

using AreaId = std::uint32_t;
inline constexpr AreaId kNoArea = 0;  // areas[0]: nothing known

enum class AreaOrigin : std::uint8_t {
  Nothing,
  Call,  // mmap, mremap to a new place without a source, shmat
  Brk,
  Snapshot,  // in /proc/PID/maps of the moment of exec or attach
  Attempt,   // the mmap failed: only its stack is known
};

// One reservation: everything mapped into it later (commits, segments, guards) belongs to it.
struct Area {
  AreaOrigin origin = AreaOrigin::Nothing;
  event::Pid pid = 0;
  std::uint32_t space = 0;    // which address space: a pid has one per exec
  std::int32_t made_by = -1;  // index into Trace::syscalls
  AddressRange born;          // as first mapped
  std::uint32_t prot = 0;
  std::uint32_t flags = 0;
  event::FileId file = event::kNoFile;
  std::string name;  // of a snapshot: path, "[heap]"; empty where anonymous
  // Calls that mapped something FIXED inside; the first few thousand.
  std::vector<std::int32_t> commits;
  std::int32_t first_protect = -1;  // first mprotect inside
  std::int32_t tid_inside = 0;      // thread that put its stack guard here
  // Filled when the replay is over: what of it outlived its trims, and until when.
  AddressRange extent;
  Nanoseconds last_ts = 0;  // kStillThere: to the end
  bool outlived = false;    // was mapped when its process ended, or the recording did
};

// A piece of a process's address space that did not change from `from_ts` to `to_ts`.
struct Box {
  event::Pid pid = 0;
  AddressRange range;
  Nanoseconds from_ts = 0;
  Nanoseconds to_ts = event::kStillThere;
  std::uint32_t prot = 0;
  std::uint32_t flags = 0;
  bool committed = false;
  bool guard = false;  // a guard zone the JVM put inside a thread stack
  event::FileId file = event::kNoFile;
  std::uint64_t file_delta = 0;  // file offset = address + file_delta (modulo 2^64)
  std::int32_t made_by = -1;
  AreaId area = kNoArea;
};

// What a call was about.
struct CallTarget {
  AreaId area = kNoArea;
  std::uint64_t address = 0;
  event::FileId file = event::kNoFile;
  bool guard = false;
};

struct Replay {
  std::vector<Area> areas;
  std::vector<Box> boxes;           // in no order
  std::vector<CallTarget> targets;  // one a system call of the trace
  std::vector<std::string> contradictions;
};

Replay replay(const event::Trace& trace, CallFacts& facts);

}  // namespace ft::attribution
