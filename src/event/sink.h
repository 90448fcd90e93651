// EventSink is where a capture backend, an importer or the model puts what it sees, as it sees it.
// The recording's writer is one; so are tests.
//
// Call order: meta, files, stacks, processes and threads before what refers to them by id or tid;
// everything else in any order, time roughly rising. finish() is the owner's business, not the
// backend's. A sink that cannot go on (disk full) remembers why and ignores the rest: the backend
// asks failed() now and then and stops.
#pragma once

#include <span>
#include <string_view>

#include "event/event.h"

namespace ft::event {

class EventSink {
 public:
  virtual ~EventSink() = default;

  virtual void on_meta(std::string_view key, std::string_view value) = 0;
  virtual void on_process(
      const Process& process) = 0;                   // again on exec and exit: the last one holds
  virtual void on_thread(const Thread& thread) = 0;  // again on rename and exit, likewise
  virtual void on_file(FileId id, const File& file) = 0;
  virtual void on_stack(StackId id, const Stack& stack) = 0;  // again once symbols are known
  virtual void on_syscall(const Syscall& syscall) = 0;
  // As if each were told by itself: for those who have many at once.
  virtual void on_syscalls(std::span<const Syscall> syscalls) {
    for (const Syscall& syscall : syscalls) on_syscall(syscall);
  }
  virtual void on_faults(std::span<const Fault> faults) = 0;
  virtual void on_page_allocs(std::span<const PageAlloc> allocs) = 0;
  virtual void on_tlb_flushes(std::span<const TlbFlush> flushes) = 0;
  virtual void on_samples(std::span<const Sample> samples) = 0;
  virtual void on_mm_event(const MmEvent& event) = 0;
  virtual void on_phase(const Phase& phase) = 0;
  virtual void on_snapshot(const Snapshot& snapshot) = 0;
  virtual void on_loss(const Loss& loss) = 0;  // the last count of a kind holds

  virtual bool failed() const = 0;
};

}  // namespace ft::event
