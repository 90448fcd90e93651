// Trace is one recording, import or simulated run: what is small held in memory, what is large
// (faults, page allocations, flushes, samples) delivered in batches by an EventSource.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/event.h"

namespace ft::event {

struct Trace {
  // Facts about the whole: keys are listed in docs/recording-format.md ("backend",
  // "start_realtime_ns", "host.kernel", "target.pid", ...).
  std::map<std::string, std::string> meta;
  std::vector<Process> processes;  // by start
  std::vector<Thread> threads;     // by start
  std::vector<File> files;
  std::vector<Stack> stacks;
  std::vector<Syscall> syscalls;  // by ts; `id` of the SQL table is index + 1
  std::vector<MmEvent> mm_events;
  std::vector<Phase> phases;
  std::vector<Snapshot> snapshots;
  std::vector<Loss> losses;
  bool cut_short = false;  // the recorder was killed: what follows its last chunk is missing

  std::string meta_or(const std::string& key, const std::string& fallback = {}) const {
    const auto it = meta.find(key);
    return it == meta.end() ? fallback : it->second;
  }
};

// Something that can tell a trace: the reader of a recording, an importer, the model kernel.
class EventSource {
 public:
  virtual ~EventSource() = default;

  virtual Result<Trace> trace() = 0;

  // Each calls `visit` with batches. Batches follow each other roughly in time and each is sorted
  // by ts; between batches of different CPUs the order may overlap by a few milliseconds.
  virtual Result<void> faults(const std::function<void(std::span<const Fault>)>& visit) = 0;
  // Without those folded into faults.
  virtual Result<void> page_allocs(
      const std::function<void(std::span<const PageAlloc>)>& visit) = 0;
  virtual Result<void> tlb_flushes(const std::function<void(std::span<const TlbFlush>)>& visit) = 0;
  virtual Result<void> samples(const std::function<void(std::span<const Sample>)>& visit) = 0;
};

}  // namespace ft::event
