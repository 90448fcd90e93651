// LatePages knows at which pages a process will still take a fault because nothing is mapped there.
// Fault-around maps the cached neighbours of a page; one that faults later was not among them.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/range.h"
#include "event/trace.h"
#include "sim/replay/timeline.h"

namespace ft::sim::replay {

class LatePages {
 public:
  LatePages(const event::Trace& trace, std::span<const event::Fault> faults,
            const ThreadTable& threads);

  // Whether a fault found nothing mapped at this page after `ts`, before anything else was mapped
  // there.
  bool faults_after(event::Pid pid, std::uint64_t address, Nanoseconds ts) const;

 private:
  struct Unmapped {
    Nanoseconds ts;
    AddressRange range;
  };

  std::map<event::Pid, std::vector<Unmapped>> unmapped_;  // by ts
  // (page number, time) of every fault on nothing, sorted, by process.
  std::map<event::Pid, std::vector<std::pair<std::uint64_t, Nanoseconds>>> faults_;
};

}  // namespace ft::sim::replay
