// Passes is what one analysis gathered from a trace, before it is put into the report's words.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/drawing.h"
#include "analysis/event_counts.h"
#include "analysis/fault_pass.h"
#include "analysis/memory_at_end.h"
#include "analysis/memory_calls.h"
#include "analysis/residency.h"
#include "analysis/sample_pass.h"
#include "analysis/subject.h"
#include "analysis/swap_traffic.h"
#include "analysis/thread_index.h"
#include "attribution/owner_history.h"
#include "base/result.h"
#include "event/trace.h"

namespace ft::analysis {

// What one owner, thread or phase had of the memory calls.
struct CallShare {
  std::uint64_t count = 0;
  Nanoseconds net_ns = 0;
};

// Whether to keep what the picture needs besides the sums.
enum class Draw : bool { No, Yes };

class Passes {
 public:
  // Reads every stream of the source once.
  static Result<std::unique_ptr<Passes>> run(event::EventSource& source, std::size_t top,
                                             Draw draw = Draw::No);

  const event::Trace trace;
  const attribution::OwnerHistory owners;
  const ThreadIndex threads;
  const Subject subject;
  const std::vector<attribution::Region> regions;  // of the subject at its end
  MemoryCalls calls;
  SamplePass samples;
  Residency residency;
  FaultTotals faults;
  PageAllocCounts allocs;
  FlushCounts flushes;
  SwapTraffic swap;
  FaultsSeen faults_seen = FaultsSeen::No;
  std::vector<report::model::ShortageCost> shortage;
  MemoryAtEnd memory;

  std::optional<Drawing> drawing;  // where it was asked for

  std::vector<CallShare> calls_by_owner;
  std::vector<CallShare> calls_by_thread;  // one more for unknown tids
  std::vector<CallShare> calls_by_phase;

  // Of memory call number `index`: an index into owners.owners(), 0 where there is none.
  attribution::OwnerId owner_of_call(std::size_t index) const;
  const attribution::Owner& owner(attribution::OwnerId id) const;
  std::string thread_name(event::Tid tid, Nanoseconds ts) const;
  // A backend that watches faults at all, whether it saw any or not.
  bool is_bpf() const { return trace.meta_or("backend") == "bpf"; }

 private:
  explicit Passes(event::Trace from);
  Result<void> read_streams(event::EventSource& source, std::size_t top);
  void share_calls();
};

}  // namespace ft::analysis
