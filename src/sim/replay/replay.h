// Replay drives a recorded trace through the model: every process with its own address space, from
// the snapshot at exec on, calls and faults in the order in which they must have happened.
//
// Order. timeline.h gives the first guess. Where the model answers a call otherwise than the kernel
// did, calls of other threads that overlapped with it are tried before it: if that makes the
// recorded answer come out, that was the order. If none does, the model's answer stands as a
// disagreement, and the mapping is put where the kernel put it, so that one wrong answer is counted
// once and what follows is compared on equal terms.
//
// Faults. Each recorded fault is one access. What of a file was in memory is not recorded; it is
// taken from the faults themselves (file_table.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "event/trace.h"
#include "sim/machine/process.h"
#include "sim/replay/apply_call.h"
#include "sim/replay/material.h"
#include "sim/replay/start_state.h"
#include "sim/replay/step.h"
#include "sim/replay/timeline.h"
#include "sim/tlb/flush.h"

namespace ft::sim::replay {

// What is known of the address space that a step belongs to.
struct Scene {
  machine::Process& process;
  event::Pid pid = 0;
  bool start_known = true;      // false: no snapshot at exec, its earlier areas are missing
  bool resident_known = true;   // false: attached, what was touched before is missing
  bool mmap_base_known = true;  // false: where the kernel searches was taken from its first answer
  bool forked = false;          // true: another process may share pages copy-on-write with it
  std::span<const tlb::Flush> flushes = {};  // of this step, as if on one CPU
  const FileTable* files = nullptr;
};

struct CallOutcome {
  CallKind kind = CallKind::NoEffect;
  std::optional<std::int64_t> model;  // the model's answer, where it has one
  bool compared = false;              // both answers are there and mean something
  bool agrees = false;
  unsigned moved_before = 0;  // calls of other threads that had to come first
};

enum class FaultVerdict : std::uint8_t {
  Agrees,
  LostRace,  // another thread's fault on the same page overlapped and won: counts as agreeing
  Disagrees,
  NotCompared,  // the model lacks what came before
};

struct FaultOutcome {
  fault::Outcome model;
  FaultVerdict verdict = FaultVerdict::NotCompared;
};

// Told what happens, in the order in which it is replayed.
class Observer {
 public:
  virtual ~Observer() = default;

  // Before a call or a fault; again for each order that is tried.
  virtual void before(const Step&, const Scene&) {}
  virtual void after_call(const Step&, const CallOutcome&, const Scene&) {}
  virtual void after_fault(const Step&, const FaultOutcome&, const Scene&) {}
  virtual void at_snapshot(const Step&, const Scene&) {}
  // Before a process, and all its memory, goes.
  virtual void process_ends(const Scene&) {}
  // Once, behind the last step, while the processes still exist that have not ended.
  virtual void at_end() {}
  // Asked after each step: true ends the replay.
  virtual bool done() const { return false; }
};

struct ReplayResult {
  std::uint64_t steps = 0;
  std::uint64_t steps_without_process = 0;  // of processes the recording does not show
  std::vector<Contradiction> contradictions;
  std::vector<std::string> estimated;  // what the recording lacks and the model assumed
};

struct ReplayOptions {
  phys::FrameSource* frames = nullptr;  // where all processes take theirs; outlives the call
  bool places_memory = false;           // the observer sees to mbind
};

// `material` outlives the call.
ReplayResult replay(const Material& material, Observer& observer,
                    const ReplayOptions& options = {});

}  // namespace ft::sim::replay
