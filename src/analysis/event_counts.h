// Sums over what else streams by: page allocations, TLB flushes, and the rarer events held in
// memory.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "event/trace.h"
#include "report/model/report.h"

namespace ft::analysis {

class PageAllocCounts {
 public:
  void take(std::span<const event::PageAlloc> allocs);
  // The block folded into a fault.
  void take_folded(const event::Fault& fault);

  bool any() const { return any_; }
  report::model::PageAllocs counts() const;

 private:
  void count(const event::PageAlloc& alloc, event::AllocContext context);

  std::array<std::uint64_t, 256> by_order_{};
  std::array<std::uint64_t, 256> by_node_{};  // by node & 255
  std::array<std::uint64_t, 3> by_context_{};
  std::uint64_t page_tables_ = 0;
  bool any_ = false;
};

class FlushCounts {
 public:
  void take(std::span<const event::TlbFlush> flushes);
  bool any() const { return any_; }
  const report::model::TlbFlushes& counts() const { return counts_; }

 private:
  report::model::TlbFlushes counts_;
  bool any_ = false;
};

// "task switch"
std::string name_of(event::FlushReason reason);

report::model::Waits count_waits(const event::Trace& trace);

// Whether the recording's probes watched this tracepoint; what they did not watch is not zero.
bool watched(const event::Trace& trace, std::string_view tracepoint);

}  // namespace ft::analysis
