// CodeMap answers what executable memory a process had at an address at a time: the boxes of a
// replay (replay.h) that are PROT_EXEC, indexed. Who walks or names stacks asks it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "attribution/region_index.h"
#include "attribution/replay.h"
#include "event/trace.h"

namespace ft::attribution {

class CodeMap {
 public:
  // REQUIRES: trace and replay outlive the map; `replay` was made of `trace`.
  CodeMap(const event::Trace& trace, const Replay& replay);

  // What was mapped there then; if nothing, what was mapped there at the end (a map that came after
  // the first use: the recording could not see it earlier). nullptr: no code.
  const Box* find(event::Pid pid, std::uint64_t address, Nanoseconds ts) const;

  // False for a process of which no code at all is known (imports without a snapshot).
  bool knows(event::Pid pid) const { return indexes_.contains(pid); }

  // The file the box maps, or "[vdso]" and its like; empty for anonymous memory.
  const std::string& path_of(const Box& box) const;

 private:
  const event::Trace& trace_;
  const Replay& replay_;
  std::map<event::Pid, RegionIndex> indexes_;
};

}  // namespace ft::attribution
