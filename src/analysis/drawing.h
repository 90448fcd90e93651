// Drawing takes what streams by while a recording is read and keeps what the picture draws of it.
#pragma once

#include <span>

#include "analysis/fault_pass.h"
#include "analysis/time_counter.h"
#include "analysis/touch_cells.h"
#include "event/trace.h"
#include "report/model/picture.h"

namespace ft::analysis {

class Drawing final : public FaultObserver {
 public:
  // The trace must outlive it.
  explicit Drawing(const event::Trace& trace);

  void on_fault(const event::Fault& fault, const FaultPlace& place) override;
  void take(std::span<const event::PageAlloc> allocs);
  void take(std::span<const event::TlbFlush> flushes);

  // Of everything the trace holds in memory, and of the faults seen so far.
  Nanoseconds end_ns() const { return end_ns_; }
  std::uint64_t touched_bytes() const { return touched_bytes_; }
  TouchCells& cells() { return cells_; }

  report::model::TimeCounts latency() const;
  report::model::TimeCounts allocations() const;
  report::model::TimeCounts flushes() const;

 private:
  const event::Trace& trace_;
  Nanoseconds end_ns_;
  std::uint64_t touched_bytes_ = 0;
  TouchCells cells_;
  TimeCounter latency_;
  TimeCounter allocations_;
  TimeCounter flushes_;
};

}  // namespace ft::analysis
