// MemoryTrace keeps a whole trace in memory: sink and source at once. Importers, tests and the
// model use it; a recording of millions of faults goes to a file instead.
#pragma once

#include <map>
#include <vector>

#include "event/sink.h"
#include "event/trace.h"

namespace ft::event {

class MemoryTrace : public EventSink, public EventSource {
 public:
  void on_meta(std::string_view key, std::string_view value) override;
  void on_process(const Process& process) override;
  void on_thread(const Thread& thread) override;
  void on_file(FileId id, const File& file) override;
  void on_stack(StackId id, const Stack& stack) override;
  void on_syscall(const Syscall& syscall) override;
  void on_faults(std::span<const Fault> faults) override;
  void on_page_allocs(std::span<const PageAlloc> allocs) override;
  void on_tlb_flushes(std::span<const TlbFlush> flushes) override;
  void on_samples(std::span<const Sample> samples) override;
  void on_mm_event(const MmEvent& event) override;
  void on_phase(const Phase& phase) override;
  void on_snapshot(const Snapshot& snapshot) override;
  void on_loss(const Loss& loss) override;
  bool failed() const override { return false; }

  // Sorted as trace.h promises.
  Result<Trace> trace() override;
  Result<void> faults(const std::function<void(std::span<const Fault>)>& visit) override;
  Result<void> page_allocs(const std::function<void(std::span<const PageAlloc>)>& visit) override;
  Result<void> tlb_flushes(const std::function<void(std::span<const TlbFlush>)>& visit) override;
  Result<void> samples(const std::function<void(std::span<const Sample>)>& visit) override;

 private:
  Trace trace_;
  std::vector<Fault> faults_;
  std::vector<PageAlloc> page_allocs_;
  std::vector<TlbFlush> tlb_flushes_;
  std::vector<Sample> samples_;
};

}  // namespace ft::event
