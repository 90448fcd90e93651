#include "analysis/memory_calls.h"

#include <algorithm>

namespace ft::analysis {

bool MemoryCalls::is_memory(const event::Syscall& call) {
  const event::SyscallShape* shape = event::find_shape(call.number);
  return shape && shape->call_class == event::SyscallClass::Memory;
}

MemoryCalls::MemoryCalls(std::span<const event::Syscall> calls)
    : calls_(calls), nested_(calls.size()) {
  bool any = false;
  bool any_timed = false;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (!is_memory(calls[i])) continue;
    if (calls[i].finished) any = true;
    if (calls[i].dur < 0) continue;
    any_timed = true;
    by_tid_[calls[i].tid].push_back(static_cast<std::uint32_t>(i));
  }
  timed_ = any_timed || !any;
}

void MemoryCalls::note_nested_fault(event::Tid tid, Nanoseconds ts, Nanoseconds dur) {
  const auto it = by_tid_.find(tid);
  if (it == by_tid_.end()) return;
  // The last call of the thread that began at or before the fault.
  auto after =
      std::ranges::upper_bound(it->second, ts, {}, [&](std::uint32_t i) { return calls_[i].ts; });
  if (after == it->second.begin()) return;
  const std::uint32_t index = *--after;
  const event::Syscall& call = calls_[index];
  if (ts >= call.ts + call.dur) return;
  // Clocks are read at different places: a fault must not make a call cheaper than nothing.
  nested_[index] += std::min(dur, call.dur - nested_[index]);
}

Nanoseconds MemoryCalls::gross_ns(std::size_t index) const {
  const event::Syscall& call = calls_[index];
  return is_memory(call) ? std::max<Nanoseconds>(call.dur, 0) : 0;
}

Nanoseconds MemoryCalls::total_gross_ns() const {
  Nanoseconds total = 0;
  for (std::size_t i = 0; i < calls_.size(); ++i) total += gross_ns(i);
  return total;
}

Nanoseconds MemoryCalls::total_nested_ns() const {
  Nanoseconds total = 0;
  for (const Nanoseconds nested : nested_) total += nested;
  return total;
}

}  // namespace ft::analysis
