// What the recorded calls did to the pages of one process: the half of residency that faults do not
// tell.
#pragma once

#include <cstdint>
#include <vector>

#include "base/range.h"
#include "event/trace.h"

namespace ft::analysis {

struct SpaceChange {
  enum class Kind : std::uint8_t {
    Unmap,     // munmap, a mapping put over an older one, brk downwards: pages and tables go
    Discard,   // madvise(DONTNEED), (REMOVE): the pages go
    Move,      // mremap
    Populate,  // MAP_POPULATE, MADV_POPULATE_*, mlock: pages come without a fault
    Reset,     // execve: a new address space
  };

  Nanoseconds ts = 0;
  AddressRange range;
  std::uint64_t to = 0;    // Move: the new start
  std::int32_t call = -1;  // index into Trace::syscalls
  Kind kind{};
  bool writes =
      true;  // Populate: false where it only reads, so that anonymous pages stay the zero page
};

// By ts, the moment each took effect (the end of its call).
std::vector<SpaceChange> space_changes(const event::Trace& trace, event::Pid pid);

}  // namespace ft::analysis
