#include "analysis/drawing.h"

#include <algorithm>
#include <cmath>

#include "analysis/event_counts.h"

namespace ft::analysis {

namespace {

namespace model = report::model;

constexpr std::uint32_t kMostOrder = 64;

Nanoseconds last_moment(const event::Trace& trace) {
  Nanoseconds last = 0;
  for (const event::Syscall& call : trace.syscalls) {
    last = std::max(last, call.ts + std::max<Nanoseconds>(call.dur, 0));
  }
  for (const event::Process& process : trace.processes) last = std::max(last, process.end_ts);
  for (const event::Thread& thread : trace.threads) {
    last = std::max({last, thread.start_ts, thread.end_ts});
  }
  for (const event::Phase& phase : trace.phases) {
    last = std::max({last, phase.start_ts, phase.end_ts});
  }
  for (const event::MmEvent& event : trace.mm_events) last = std::max(last, event.ts + event.dur);
  return last;
}

std::uint32_t latency_step(Nanoseconds ns) {
  if (ns < 2) return 0;
  const double steps = 2 * std::log2(static_cast<double>(ns));
  return std::min(static_cast<std::uint32_t>(steps), model::kLatencySteps - 1);
}

}  // namespace

Drawing::Drawing(const event::Trace& trace)
    : trace_(trace),
      end_ns_(last_moment(trace)),
      cells_(end_ns_),
      latency_(end_ns_),
      allocations_(end_ns_),
      flushes_(end_ns_) {}

void Drawing::on_fault(const event::Fault& fault, const FaultPlace& place) {
  const Nanoseconds ns = std::max<Nanoseconds>(fault.dur, 0);
  end_ns_ = std::max(end_ns_, fault.ts + ns);
  const auto kind = static_cast<std::uint8_t>(place.fault_class);
  latency_.add(fault.ts, kind * model::kLatencySteps + latency_step(ns));
  const bool block = place.fault_class == FaultClass::Huge ||
                     (place.fault_class == FaultClass::AnonLarge && fault.page.order <= 18);
  const std::uint8_t order = block ? fault.page.order : 0;
  model::TouchCell cell;
  cell.ts = fault.ts;
  cell.total_ns = ns;
  cell.max_ns = ns;
  cell.start = fault.addr & ~((kPageSize << order) - 1);
  cell.pages = std::uint64_t{1} << order;
  cell.faults = 1;
  cell.thread = place.thread == ThreadIndex::kNone
                    ? static_cast<std::uint32_t>(trace_.threads.size())
                    : static_cast<std::uint32_t>(place.thread);
  cell.owner = place.owner;
  cell.order = order;
  cell.kind = kind;
  cell.of_subject = place.of_subject;
  touched_bytes_ += cell.pages * kPageSize;
  cells_.add(cell);
}

void Drawing::take(std::span<const event::PageAlloc> allocs) {
  for (const event::PageAlloc& alloc : allocs) {
    allocations_.add(alloc.ts, std::min<std::uint32_t>(alloc.order, kMostOrder));
  }
}

void Drawing::take(std::span<const event::TlbFlush> flushes) {
  for (const event::TlbFlush& flush : flushes) {
    if (flush.reason == event::FlushReason::TaskSwitch && flush.pages == 0) continue;
    flushes_.add(flush.ts, static_cast<std::uint32_t>(flush.reason));
  }
}

model::TimeCounts Drawing::latency() const {
  std::vector<std::string> rows;
  for (std::size_t kind = 0; kind < kFaultClassCount; ++kind) {
    rows.emplace_back(name_of(static_cast<FaultClass>(kind)));
  }
  return latency_.counts(std::move(rows));
}

model::TimeCounts Drawing::allocations() const {
  return allocations_.counts({});
}

model::TimeCounts Drawing::flushes() const {
  std::vector<std::string> rows;
  for (unsigned reason = 0; reason <= static_cast<unsigned>(event::FlushReason::RemoteWrongCpu);
       ++reason) {
    rows.push_back(name_of(static_cast<event::FlushReason>(reason)));
  }
  return flushes_.counts(std::move(rows));
}

}  // namespace ft::analysis
