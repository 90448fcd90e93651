// SamplePass joins the samples with what was measured exactly: each sample gets the stage of its
// kernel stack, and, where it lies in a page fault or memory call that was recorded, that one's
// owner.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "analysis/thread_index.h"
#include "attribution/owner_history.h"
#include "event/trace.h"
#include "kernel/stage.h"

namespace ft::analysis {

// What a kernel stack says of all samples that have it.
struct StackMeaning {
  kernel::Stage stage = kernel::Stage::User;
  kernel::InFault in_fault = kernel::InFault::No;
  bool in_memory_call = false;
  std::string_view unclassified;  // a name in the trace's stacks
};

StackMeaning meaning_of(const event::Stack& stack);

struct PlacedSample {
  static constexpr std::int32_t kNone = -1;

  Nanoseconds ts = 0;
  event::Tid tid = 0;
  event::StackId kernel_stack = event::kNoStack;
  event::StackId user_stack = event::kNoStack;
  std::int32_t owner = kNone;  // OwnerId of the fault or call it lies in
  std::int32_t call = kNone;   // index into Trace::syscalls

  bool in_kernel() const { return kernel_stack != event::kNoStack; }
};

class SamplePass {
 public:
  // All must outlive it.
  SamplePass(const event::Trace& trace, const attribution::OwnerHistory& owners,
             const ThreadIndex& threads);

  // First all samples, then sort(), then faults in any order, then place_in_calls().
  void take(std::span<const event::Sample> samples);
  void sort();
  void take(std::span<const event::Fault> faults);
  void place_in_calls();

  // By thread, then by time.
  std::span<const PlacedSample> samples() const { return samples_; }
  const StackMeaning& meaning(const PlacedSample& sample) const;

 private:
  // Of one thread, a range of samples_.
  struct OfThread {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t next = 0;  // the first sample behind the last fault looked for
  };

  std::span<PlacedSample> within(event::Tid tid, Nanoseconds from, Nanoseconds to);

  const event::Trace& trace_;
  const attribution::OwnerHistory& owners_;
  const ThreadIndex& threads_;
  std::vector<PlacedSample> samples_;
  std::unordered_map<event::Tid, OfThread> by_tid_;
  std::unordered_map<event::StackId, StackMeaning> meanings_;
};

}  // namespace ft::analysis
