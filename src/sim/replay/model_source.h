// ModelSource is a recording as the model would have made it: the same calls and accesses, with the
// model's answers, faults and flushes. Every report and checker that reads a recording reads this.
#pragma once

#include "event/memory_trace.h"
#include "sim/replay/replay.h"

namespace ft::sim::replay {

class ModelSource final : public event::EventSource {
 public:
  // Times, threads, files, stacks and the places of mappings are the recording's; page allocations,
  // samples and events of reclaim are left out, for the model of this stage makes none. Snapshots
  // of areas and sizes are the model's, in the kernel's format.
  static ModelSource make(const Material& material);

  Result<event::Trace> trace() override { return trace_.trace(); }
  Result<void> faults(const std::function<void(std::span<const event::Fault>)>& visit) override {
    return trace_.faults(visit);
  }
  Result<void> page_allocs(
      const std::function<void(std::span<const event::PageAlloc>)>& visit) override {
    return trace_.page_allocs(visit);
  }
  Result<void> tlb_flushes(
      const std::function<void(std::span<const event::TlbFlush>)>& visit) override {
    return trace_.tlb_flushes(visit);
  }
  Result<void> samples(const std::function<void(std::span<const event::Sample>)>& visit) override {
    return trace_.samples(visit);
  }

 private:
  ModelSource() = default;

  event::MemoryTrace trace_;
};

}  // namespace ft::sim::replay
