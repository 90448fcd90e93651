#include "sim/replay/late_pages.h"

#include <sys/mman.h>

#include <algorithm>

namespace ft::sim::replay {

namespace {

// What the call takes away that was mapped before.
AddressRange taken_away(const event::Syscall& call) {
  const bool over = call.number == event::SyscallNumber::Mmap && (call.flags() & MAP_FIXED) != 0;
  if (call.failed() || (call.number != event::SyscallNumber::Munmap && !over)) return {};
  return {call.addr(), call.addr() + page_ceil(call.length())};
}

}  // namespace

LatePages::LatePages(const event::Trace& trace, std::span<const event::Fault> faults,
                     const ThreadTable& threads) {
  for (const event::Syscall& call : trace.syscalls) {
    const AddressRange range = taken_away(call);
    if (!range.empty()) unmapped_[call.pid].push_back({call.ts, range});
  }
  event::Tid last_tid = 0;
  std::vector<std::pair<std::uint64_t, Nanoseconds>>* list = nullptr;
  for (const event::Fault& fault : faults) {
    if ((fault.error_code & event::kFaultProtection) != 0) continue;
    if (!list || fault.tid != last_tid) {
      last_tid = fault.tid;
      list = &faults_[threads.process_of(fault.tid, fault.ts)];
    }
    list->emplace_back(fault.addr >> kPageShift, fault.ts);
  }
  for (auto& [pid, pages] : faults_) std::ranges::sort(pages);
}

bool LatePages::faults_after(event::Pid pid, std::uint64_t address, Nanoseconds ts) const {
  const auto found = faults_.find(pid);
  if (found == faults_.end()) return false;
  const std::uint64_t page = address >> kPageShift;
  const auto next = std::ranges::upper_bound(found->second, std::pair{page, ts});
  if (next == found->second.end() || next->first != page) return false;
  const auto calls = unmapped_.find(pid);
  if (calls == unmapped_.end()) return true;
  const auto first = std::ranges::lower_bound(calls->second, ts, {}, &Unmapped::ts);
  for (auto it = first; it != calls->second.end() && it->ts < next->second; ++it) {
    if (it->range.contains(address)) return false;
  }
  return true;
}

}  // namespace ft::sim::replay
