#include "sim/replay/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "arch/paging.h"
#include "base/text.h"

namespace ft::sim::replay {

namespace {

constexpr Nanoseconds kForever = std::numeric_limits<Nanoseconds>::max();

Nanoseconds end_of(Nanoseconds ts, Nanoseconds dur) {
  return dur > 0 && ts <= kForever - dur ? ts + dur : ts;
}

}  // namespace

std::string_view name_of(Stream stream) {
  switch (stream) {
    case Stream::Call:
      return "call";
    case Stream::Fault:
      return "fault";
    case Stream::Snapshot:
      return "snapshot";
    case Stream::Flush:
      return "flush";
    case Stream::Process:
      return "process";
  }
  return "event";
}

std::string place_of(Stream stream, std::uint64_t number, Nanoseconds ts) {
  if (number == 0) return "recording";
  return fmt::format("{} {} at {}", name_of(stream), number, human_duration(ts));
}

ThreadTable::ThreadTable(const event::Trace& trace) {
  for (const event::Thread& thread : trace.threads) {
    const Life life{thread.tid, thread.pid, thread.start_ts,
                    thread.end_ts == event::kStillThere ? kForever : thread.end_ts};
    by_tid_[thread.tid].push_back(life);
    by_pid_[thread.pid].push_back(life);
  }
}

event::Pid ThreadTable::process_of(event::Tid tid, Nanoseconds ts) const {
  const auto found = by_tid_.find(tid);
  if (found == by_tid_.end()) return 0;
  // Numbers are used again: the last thread that had started by then.
  event::Pid pid = found->second.front().pid;
  for (const Life& life : found->second) {
    if (life.start <= ts) pid = life.pid;
  }
  return pid;
}

std::size_t ThreadTable::threads_alive(event::Pid pid, Nanoseconds from, Nanoseconds to) const {
  const auto found = by_pid_.find(pid);
  if (found == by_pid_.end()) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(
      found->second, [&](const Life& life) { return life.start <= to && life.end >= from; }));
}

std::vector<Step> make_timeline(const event::Trace& trace, std::span<const event::Fault> faults,
                                const ThreadTable& threads) {
  std::vector<Step> steps;
  steps.reserve(trace.syscalls.size() + faults.size() + trace.snapshots.size());
  for (std::uint32_t i = 0; i < trace.syscalls.size(); ++i) {
    const event::Syscall& call = trace.syscalls[i];
    steps.push_back({.stream = Stream::Call,
                     .index = i,
                     .pid = call.pid,
                     .tid = call.tid,
                     .from = call.ts,
                     .to = end_of(call.ts, call.dur)});
  }
  for (std::uint32_t i = 0; i < trace.processes.size(); ++i) {
    const event::Process& process = trace.processes[i];
    if (process.end_ts != event::kStillThere) {
      steps.push_back({.stream = Stream::Process,
                       .index = i,
                       .pid = process.pid,
                       .tid = process.pid,
                       .from = process.end_ts,
                       .to = process.end_ts,
                       .ends = true});
    }
    if (process.parent == 0 || process.present_at_start) continue;
    steps.push_back({.stream = Stream::Process,
                     .index = i,
                     .pid = process.pid,
                     .tid = process.pid,
                     .from = process.start_ts,
                     .to = process.start_ts});
  }
  // Neighbours in time are mostly of the same thread.
  event::Tid last_tid = 0;
  event::Pid last_pid = 0;
  for (std::uint32_t i = 0; i < faults.size(); ++i) {
    const event::Fault& fault = faults[i];
    if (fault.tid != last_tid) {
      last_tid = fault.tid;
      last_pid = threads.process_of(fault.tid, fault.ts);
    }
    steps.push_back({.stream = Stream::Fault,
                     .index = i,
                     .pid = last_pid,
                     .tid = fault.tid,
                     .from = fault.ts,
                     .to = end_of(fault.ts, fault.dur)});
  }
  for (std::uint32_t i = 0; i < trace.snapshots.size(); ++i) {
    const event::Snapshot& snapshot = trace.snapshots[i];
    if (snapshot.pid == 0) continue;
    steps.push_back({.stream = Stream::Snapshot,
                     .index = i,
                     .pid = snapshot.pid,
                     .tid = snapshot.pid,
                     .from = snapshot.ts,
                     .to = snapshot.ts});
  }
  std::ranges::stable_sort(steps, {}, &Step::to);
  return steps;
}

namespace {

class ContradictionFinder {
 public:
  explicit ContradictionFinder(const event::Trace& trace) : trace_(trace) {}

  std::vector<Contradiction> find(std::span<const event::Fault> faults) {
    look_for_starts();
    look_at_calls();
    look_at_faults(faults);
    return std::move(found_);
  }

 private:
  // More than anybody reads, of one kind, is only counted.
  static constexpr std::size_t kMost = 1000;

  void say(Stream stream, std::size_t index, Nanoseconds ts, std::string what) {
    if (found_.size() < kMost) found_.push_back({stream, index + 1, ts, std::move(what)});
  }

  void look_for_starts() {
    for (std::size_t i = 0; i < trace_.processes.size(); ++i) {
      const event::Process& process = trace_.processes[i];
      if (process.exec_ts == event::kStillThere && !process.present_at_start) continue;
      const std::string_view moment = process.present_at_start ? "attach" : "exec";
      const bool there = std::ranges::any_of(trace_.snapshots, [&](const event::Snapshot& snap) {
        return snap.pid == process.pid && snap.moment == moment && snap.source == "maps";
      });
      if (there) continue;
      say(Stream::Process, i, process.start_ts,
          fmt::format("process {} has no snapshot of its areas at {}: where it began is not known",
                      process.pid, moment));
    }
    for (std::size_t i = 0; i < trace_.processes.size(); ++i) {
      const event::Process& process = trace_.processes[i];
      if (process.end_ts == event::kStillThere || process.end_ts >= process.start_ts) continue;
      say(Stream::Process, i, process.start_ts,
          fmt::format("process {} ends before it starts", process.pid));
    }
  }

  void look_at_calls() {
    std::map<event::Tid, Nanoseconds> busy_until;
    for (std::size_t i = 0; i < trace_.syscalls.size(); ++i) {
      const event::Syscall& call = trace_.syscalls[i];
      if (call.ts < 0 || call.dur < event::kUnknownDuration) {
        say(Stream::Call, i, call.ts,
            "it lies before the recording's start, or ends before it begins");
        continue;
      }
      Nanoseconds& until = busy_until[call.tid];
      if (call.ts < until) {
        say(Stream::Call, i, call.ts,
            fmt::format("thread {} was still in the call before: time runs backwards", call.tid));
      }
      until = std::max(until, end_of(call.ts, call.dur));
      look_at_addresses(i, call);
    }
  }

  void look_at_addresses(std::size_t i, const event::Syscall& call) {
    using event::SyscallNumber;
    if (call.failed()) return;
    const bool maps = call.number == SyscallNumber::Mmap || call.number == SyscallNumber::Mremap;
    const bool changes = call.number == SyscallNumber::Munmap ||
                         call.number == SyscallNumber::Mprotect ||
                         call.number == SyscallNumber::Madvise;
    if (!maps && !changes) return;
    const std::uint64_t start = maps ? static_cast<std::uint64_t>(call.ret) : call.addr();
    const std::uint64_t length =
        call.number == SyscallNumber::Mremap ? call.args[2] : call.length();
    const std::uint64_t top = arch::user_end(levels_);
    if (start <= top && length <= top && start + length <= top) return;
    say(Stream::Call, i, call.ts,
        fmt::format("{} of 0x{:x} bytes at 0x{:x} succeeded: no program can have that address",
                    event::name_of(call.number), length, start));
  }

  void look_at_faults(std::span<const event::Fault> faults) {
    std::map<event::Tid, Nanoseconds> last;
    for (std::size_t i = 0; i < faults.size(); ++i) {
      const event::Fault& fault = faults[i];
      if (fault.ts < 0 || fault.dur < event::kUnknownDuration) {
        say(Stream::Fault, i, fault.ts,
            "it lies before the recording's start, or ends before it begins");
        continue;
      }
      Nanoseconds& before = last[fault.tid];
      if (fault.ts < before) {
        say(Stream::Fault, i, fault.ts,
            fmt::format("thread {} was still in the fault before: time runs backwards", fault.tid));
      }
      before = std::max(before, end_of(fault.ts, fault.dur));
      if (fault.kind != event::FaultKind::Unfinished && fault.addr >= arch::user_end(levels_)) {
        say(Stream::Fault, i, fault.ts,
            fmt::format("served at 0x{:x}: no program can have that address", fault.addr));
      }
    }
  }

  const event::Trace& trace_;
  arch::Levels levels_ =
      trace_.meta_or("host.page_table_levels") == "5" ? arch::Levels::Five : arch::Levels::Four;
  std::vector<Contradiction> found_;
};

}  // namespace

std::vector<Contradiction> find_contradictions(const event::Trace& trace,
                                               std::span<const event::Fault> faults) {
  return ContradictionFinder(trace).find(faults);
}

}  // namespace ft::sim::replay
