// The order in which a trace's calls, faults and snapshots took effect, as far as their times say.
//
// The rule: a step takes effect between its beginning and its end, and mmap_lock lets only one call
// at a time change an address space. A call works before it returns, so steps are ordered by their
// ends; an image's snapshot at exec comes where it was taken, and a process is there before its
// first step. Where calls of several threads overlap, this is a first guess: the replay tries other
// orders until the recorded results come out (see replay.h).
#pragma once

#include <map>
#include <span>
#include <vector>

#include "event/trace.h"
#include "sim/replay/step.h"

namespace ft::sim::replay {

// Which process a thread belonged to at a time.
class ThreadTable {
 public:
  explicit ThreadTable(const event::Trace& trace);

  // Of the thread that had this number then; 0 where no thread is known by it.
  event::Pid process_of(event::Tid tid, Nanoseconds ts) const;
  // How many threads of the process lived at some time of [from, to].
  std::size_t threads_alive(event::Pid pid, Nanoseconds from, Nanoseconds to) const;

 private:
  struct Life {
    event::Tid tid;
    event::Pid pid;
    Nanoseconds start;
    Nanoseconds end;  // of time, where it outlived the recording
  };
  std::map<event::Tid, std::vector<Life>> by_tid_;
  std::map<event::Pid, std::vector<Life>> by_pid_;
};

std::vector<Step> make_timeline(const event::Trace& trace, std::span<const event::Fault> faults,
                                const ThreadTable& threads);

// What contradicts itself in the trace without running it: time that runs backwards within a
// thread, addresses that no program can have, events of processes that are nowhere.
std::vector<Contradiction> find_contradictions(const event::Trace& trace,
                                               std::span<const event::Fault> faults);

}  // namespace ft::sim::replay
