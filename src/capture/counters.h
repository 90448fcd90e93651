// Counters counts events of a target with the kernel's perf events: hardware ones (TLB misses,
// page walks, remote memory) where the host has a PMU, and the kernel's own by the same way. Events
// are named as libpfm4 names them: "perf::DTLB-LOAD-MISSES", "perf::MINOR-FAULTS".
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ft::capture {

// Stands for the events about translation and distant memory in a list of names.
inline constexpr std::string_view kTlbEvents = "tlb";

class Counters {
 public:
  // Now: threads that run already. Exec: nothing is counted before the next exec.
  enum class From { Now, Exec };

  // What the thread and all it starts do is counted. An event that cannot be had is no failure:
  // refused() says why.
  static Counters open(std::span<const std::string> names, pid_t tid, From from);

  // Another thread of a process that was attached to, added to the same counts.
  void follow(pid_t tid);

  bool empty() const { return events_.empty(); }
  // "perf::DTLB-LOADS: no such event ...", one each.
  std::span<const std::string> refused() const { return refused_; }

  // A line "NAME COUNT ENABLED_NS RUNNING_NS" for each event. Where fewer can be counted at a time
  // than were asked for, the kernel takes turns: an event ran for less than it was enabled.
  std::string text() const;

 private:
  struct Event {
    std::string name;
    std::vector<std::byte> attributes;  // perf_event_attr
    std::vector<Fd> counters;           // one for each thread that was there at the start
  };

  void open_event(const std::string& name, pid_t tid, From from);
  bool open_first_of(std::span<const std::string_view> names, pid_t tid, From from);

  std::vector<Event> events_;
  std::vector<std::string> refused_;
};

}  // namespace ft::capture
