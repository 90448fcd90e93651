#include "analysis/event_counts.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace ft::analysis {

using event::AllocContext;
using event::FlushReason;
using event::MmEventKind;

void PageAllocCounts::count(const event::PageAlloc& alloc, AllocContext context) {
  any_ = true;
  ++by_order_[alloc.order];
  ++by_node_[static_cast<std::uint8_t>(alloc.node)];
  ++by_context_[std::min<std::size_t>(static_cast<std::size_t>(context), 2)];
}

void PageAllocCounts::take_folded(const event::Fault& fault) {
  if (fault.has_page) count(fault.page, AllocContext::Fault);
}

void PageAllocCounts::take(std::span<const event::PageAlloc> allocs) {
  for (const event::PageAlloc& alloc : allocs) {
    count(alloc, alloc.context);
    // The page of the fault itself is movable and folded into it; what a fault takes besides, one
    // unmovable frame at a time, becomes a page table.
    const bool table =
        alloc.context == AllocContext::Fault && alloc.order == 0 && alloc.migratetype == 0;
    if (table) ++page_tables_;
  }
}

report::model::PageAllocs PageAllocCounts::counts() const {
  report::model::PageAllocs out;
  for (std::size_t order = 0; order < by_order_.size(); ++order) {
    if (by_order_[order] == 0) continue;
    out.by_order[static_cast<int>(order)] = by_order_[order];
    if (order < 40) out.bytes += by_order_[order] * (kPageSize << order);
  }
  for (std::size_t node = 0; node < by_node_.size(); ++node) {
    if (by_node_[node]) out.by_node[static_cast<std::int8_t>(node)] = by_node_[node];
  }
  out.by_context = {
      {"other", by_context_[0]}, {"fault", by_context_[1]}, {"syscall", by_context_[2]}};
  out.page_table = page_tables_;
  return out;
}

std::string name_of(FlushReason reason) {
  switch (reason) {
    case FlushReason::TaskSwitch:
      return "task switch";
    case FlushReason::RemoteShootdown:
      return "remote shootdown";
    case FlushReason::LocalShootdown:
      return "local shootdown";
    case FlushReason::LocalMmShootdown:
      return "local mm shootdown";
    case FlushReason::RemoteSendIpi:
      return "remote send IPI";
    case FlushReason::RemoteWrongCpu:
      return "remote wrong CPU";
  }
  return "unknown";
}

void FlushCounts::take(std::span<const event::TlbFlush> flushes) {
  for (const event::TlbFlush& flush : flushes) {
    any_ = true;
    if (flush.reason == FlushReason::TaskSwitch && flush.pages == 0) {
      ++counts_.not_needed;
      continue;
    }
    ++counts_.by_reason[name_of(flush.reason)];
    if (flush.reason == FlushReason::RemoteSendIpi) {
      ++counts_.ipis_sent;
    } else if (flush.pages == event::kFlushAll) {
      ++counts_.full;
    } else {
      ++counts_.ranged;
      counts_.pages += flush.pages;
    }
  }
}

bool watched(const event::Trace& trace, std::string_view tracepoint) {
  const std::string list = trace.meta_or("watched");
  const auto names = split(list, ' ');
  return std::ranges::find(names, tracepoint) != names.end();
}

report::model::Waits count_waits(const event::Trace& trace) {
  report::model::Waits waits;
  if (watched(trace, "mm_collapse_huge_page")) waits.thp_collapses = 0;
  if (watched(trace, "mm_migrate_pages")) waits.migrated_pages = 0;
  const auto wait = [](report::model::Wait& to, const event::MmEvent& event) {
    ++to.count;
    to.total_ns += std::max<Nanoseconds>(event.dur, 0);
    to.max_ns = std::max(to.max_ns, event.dur);
  };
  for (const event::MmEvent& event : trace.mm_events) {
    switch (event.kind) {
      case MmEventKind::DirectReclaim:
        wait(waits.direct_reclaim, event);
        waits.reclaimed_pages += event.value;
        break;
      case MmEventKind::MemcgReclaim:
        wait(waits.memcg_reclaim, event);
        waits.reclaimed_pages += event.value;
        break;
      case MmEventKind::Compaction:
        wait(waits.compaction, event);
        break;
      case MmEventKind::MmapLockWait:
        wait(waits.mmap_lock, event);
        break;
      case MmEventKind::KswapdWake:
        ++waits.kswapd_wakes;
        break;
      case MmEventKind::OomVictim:
        ++waits.oom_kills;
        break;
      case MmEventKind::SwapIn:  // by the faults (SwapTraffic)
      case MmEventKind::SwapOut:
        break;
      case MmEventKind::ThpCollapse:
        waits.thp_collapses = waits.thp_collapses.value_or(0) + (event.detail == 1 ? 1 : 0);
        break;
      case MmEventKind::Migration:
        waits.migrated_pages = waits.migrated_pages.value_or(0) + event.value;
        break;
    }
  }
  return waits;
}

}  // namespace ft::analysis
