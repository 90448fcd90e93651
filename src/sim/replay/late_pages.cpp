#include "sim/replay/late_pages.h"

#include <algorithm>

namespace ft::sim::replay {

LatePages::LatePages(std::span<const event::Fault> faults, const ThreadTable& threads) {
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
  return next != found->second.end() && next->first == page;
}

}  // namespace ft::sim::replay
