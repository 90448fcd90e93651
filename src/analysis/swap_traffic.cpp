#include "analysis/swap_traffic.h"

#include <algorithm>

#include "base/units.h"

namespace ft::analysis {

SwapTraffic::SwapTraffic(const event::Trace& trace, const attribution::OwnerHistory& owners,
                         const ThreadIndex& threads)
    : owners_(owners),
      threads_(threads),
      by_owner_(std::max<std::size_t>(owners.owners().size(), 1)) {
  for (const event::MmEvent& event : trace.mm_events) {
    if (event.kind == event::MmEventKind::SwapOut) write_out(event);
  }
  for (auto& [page, times] : out_) std::ranges::sort(times);
}

void SwapTraffic::write_out(const event::MmEvent& event) {
  const event::Pid pid = event.tid;
  // A folio of more pages than a gigabyte has is none.
  constexpr std::uint64_t kMostPages = kGiB / kPageSize;
  const std::uint64_t pages = std::min<std::uint64_t>(event.detail, kMostPages);
  share_of(pid, event.value, event.ts).out_pages += pages;
  for (std::uint64_t i = 0; i < pages; ++i) {
    out_[{pid, event.value / kPageSize + i}].push_back(event.ts);
  }
}

void SwapTraffic::take(std::span<const event::Fault> faults) {
  if (out_.empty()) return;
  for (const event::Fault& fault : faults) {
    const event::Pid pid = threads_.pid_of(fault.tid, fault.ts);
    const auto found = out_.find({pid, fault.addr / kPageSize});
    if (found == out_.end()) continue;
    std::vector<Nanoseconds>& times = found->second;
    const Nanoseconds end = fault.ts + std::max<Nanoseconds>(fault.dur, 0);
    const auto later = std::ranges::upper_bound(times, end);
    if (later == times.begin()) continue;
    times.erase(times.begin(), later);
    if (times.empty()) out_.erase(found);
    if (fault.kind == event::FaultKind::Major) ++share_of(pid, fault.addr, fault.ts).in_faults;
  }
}

SwapTraffic::Share& SwapTraffic::share_of(event::Pid pid, std::uint64_t address, Nanoseconds ts) {
  const attribution::OwnerId owner = owners_.owner_at(pid, address, ts);
  return by_owner_[owner < by_owner_.size() ? owner : 0];
}

SwapTraffic::Share SwapTraffic::total() const {
  Share sum;
  for (const Share& share : by_owner_) {
    sum.out_pages += share.out_pages;
    sum.in_faults += share.in_faults;
  }
  return sum;
}

}  // namespace ft::analysis
