// ThreadPids answers which process a thread belonged to: large events name only their thread.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "event/trace.h"

namespace ft::recording {

class ThreadPids {
 public:
  explicit ThreadPids(const event::Trace& trace) {
    for (const event::Thread& thread : trace.threads) {
      known_.push_back({thread.tid, thread.start_ts, thread.pid});
    }
    std::ranges::sort(known_, [](const Known& a, const Known& b) {
      return a.tid != b.tid ? a.tid < b.tid : a.start_ts < b.start_ts;
    });
  }

  // The last of that id to start by `ts`; before all of them the first. Nothing for an unknown one.
  std::optional<event::Pid> pid_of(event::Tid tid, Nanoseconds ts) const {
    const auto after = std::ranges::upper_bound(known_, std::pair(tid, ts), {}, [](const Known& k) {
      return std::pair(k.tid, k.start_ts);
    });
    if (after != known_.begin() && std::prev(after)->tid == tid) return std::prev(after)->pid;
    if (after != known_.end() && after->tid == tid) return after->pid;
    return std::nullopt;
  }

 private:
  struct Known {
    event::Tid tid;
    Nanoseconds start_ts;
    event::Pid pid;
  };
  std::vector<Known> known_;  // by tid, then start
};

}  // namespace ft::recording
