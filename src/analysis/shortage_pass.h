// ShortagePass puts what shortage of memory cost to the subsystem whose fault, or whose memory
// call, had to wait: direct and memory-cgroup reclaim, compaction, and faults that read from
// storage.
//
// A thread that passed memory.high reclaims on its way back to user mode, when the fault or the
// call is over (mm/memcontrol.c mem_cgroup_handle_over_high): that is put to the last one before
// it.
#pragma once

#include <array>
#include <optional>
#include <unordered_map>
#include <vector>

#include "analysis/fault_pass.h"
#include "analysis/memory_calls.h"
#include "attribution/owner_history.h"
#include "event/trace.h"
#include "jvm/subsystem.h"
#include "report/model/report.h"

namespace ft::analysis {

class ShortagePass : public FaultObserver {
 public:
  // Both must outlive it.
  ShortagePass(const event::Trace& trace, const attribution::OwnerHistory& owners);

  void on_fault(const event::Fault& fault, const FaultPlace& place) override;

  // When all faults have been told. Most costly first; last, without a name, what lay within no
  // fault and no memory call. Every wait of the trace is in one of them.
  std::vector<report::model::ShortageCost> finish();

 private:
  struct Wait {
    Nanoseconds ts = 0;
    Nanoseconds dur = 0;
    event::MmEventKind kind{};
    bool placed = false;
    // Of what ended last before it, where that was on the way back to user mode.
    std::optional<jvm::Subsystem> before;
    Nanoseconds gap = 0;
  };
  using Cost = report::model::ShortageCost;

  jvm::Subsystem subsystem_of(attribution::OwnerId owner) const;
  // Waits of a thread that began within this time, or right behind it, and that nothing has claimed
  // yet.
  void place(event::Tid tid, Nanoseconds from, Nanoseconds dur, jvm::Subsystem subsystem);
  Cost& cost_of(jvm::Subsystem subsystem) { return costs_[static_cast<std::size_t>(subsystem)]; }
  static void add(const Wait& wait, Cost& cost);

  const event::Trace& trace_;
  const attribution::OwnerHistory& owners_;
  std::unordered_map<event::Tid, std::vector<Wait>> waits_;  // by ts
  std::array<Cost, jvm::kSubsystemCount> costs_{};
};

}  // namespace ft::analysis
