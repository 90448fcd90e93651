#include "event/memory_trace.h"

#include <algorithm>

namespace ft::event {

namespace {

template <typename T>
T& grow_to(std::vector<T>& items, std::int32_t id) {
  const auto index = static_cast<std::size_t>(id);
  if (items.size() <= index) items.resize(index + 1);
  return items[index];
}

// Later facts about the same thing replace earlier ones; a pid or tid that was reused starts anew.
template <typename T, typename Same>
void replace_last(std::vector<T>& items, const T& item, Same same) {
  for (auto it = items.rbegin(); it != items.rend(); ++it) {
    if (same(*it)) {
      *it = item;
      return;
    }
  }
  items.push_back(item);
}

template <typename T>
Result<void> visit_sorted(std::vector<T>& items,
                          const std::function<void(std::span<const T>)>& visit) {
  std::ranges::stable_sort(items, {}, &T::ts);
  if (!items.empty()) visit(items);
  return {};
}

}  // namespace

void MemoryTrace::on_meta(std::string_view key, std::string_view value) {
  trace_.meta.insert_or_assign(std::string(key), std::string(value));
}

void MemoryTrace::on_process(const Process& process) {
  replace_last(trace_.processes, process, [&](const Process& other) {
    return other.pid == process.pid && other.start_ts == process.start_ts;
  });
}

void MemoryTrace::on_thread(const Thread& thread) {
  replace_last(trace_.threads, thread, [&](const Thread& other) {
    return other.tid == thread.tid && other.start_ts == thread.start_ts;
  });
}

void MemoryTrace::on_file(FileId id, const File& file) {
  grow_to(trace_.files, id) = file;
}
void MemoryTrace::on_stack(StackId id, const Stack& stack) {
  grow_to(trace_.stacks, id) = stack;
}
void MemoryTrace::on_syscall(const Syscall& syscall) {
  trace_.syscalls.push_back(syscall);
}

void MemoryTrace::on_faults(std::span<const Fault> faults) {
  faults_.insert(faults_.end(), faults.begin(), faults.end());
}
void MemoryTrace::on_page_allocs(std::span<const PageAlloc> allocs) {
  page_allocs_.insert(page_allocs_.end(), allocs.begin(), allocs.end());
}
void MemoryTrace::on_tlb_flushes(std::span<const TlbFlush> flushes) {
  tlb_flushes_.insert(tlb_flushes_.end(), flushes.begin(), flushes.end());
}
void MemoryTrace::on_samples(std::span<const Sample> samples) {
  samples_.insert(samples_.end(), samples.begin(), samples.end());
}

void MemoryTrace::on_mm_event(const MmEvent& event) {
  trace_.mm_events.push_back(event);
}
void MemoryTrace::on_phase(const Phase& phase) {
  trace_.phases.push_back(phase);
}
void MemoryTrace::on_snapshot(const Snapshot& snapshot) {
  trace_.snapshots.push_back(snapshot);
}

void MemoryTrace::on_loss(const Loss& loss) {
  replace_last(trace_.losses, loss, [&](const Loss& other) { return other.kind == loss.kind; });
}

Result<Trace> MemoryTrace::trace() {
  std::ranges::stable_sort(trace_.processes, {}, &Process::start_ts);
  std::ranges::stable_sort(trace_.threads, {}, &Thread::start_ts);
  std::ranges::stable_sort(trace_.syscalls, {}, &Syscall::ts);
  std::ranges::stable_sort(trace_.mm_events, {}, &MmEvent::ts);
  std::ranges::stable_sort(trace_.phases, {}, &Phase::start_ts);
  std::ranges::stable_sort(trace_.snapshots, {}, &Snapshot::ts);
  return trace_;
}

Result<void> MemoryTrace::faults(const std::function<void(std::span<const Fault>)>& visit) {
  return visit_sorted(faults_, visit);
}
Result<void> MemoryTrace::page_allocs(
    const std::function<void(std::span<const PageAlloc>)>& visit) {
  return visit_sorted(page_allocs_, visit);
}
Result<void> MemoryTrace::tlb_flushes(const std::function<void(std::span<const TlbFlush>)>& visit) {
  return visit_sorted(tlb_flushes_, visit);
}
Result<void> MemoryTrace::samples(const std::function<void(std::span<const Sample>)>& visit) {
  return visit_sorted(samples_, visit);
}

}  // namespace ft::event
