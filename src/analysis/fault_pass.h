// FaultPass takes the faults of a trace as they stream by and keeps sums: by class, subsystem,
// thread and phase, the latency distribution, the slowest few. Nothing is kept per fault.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/latency_histogram.h"
#include "analysis/memory_calls.h"
#include "analysis/residency.h"
#include "analysis/thread_index.h"
#include "attribution/owner_history.h"
#include "event/trace.h"

namespace ft::analysis {

// Disjoint; the first that applies.
enum class FaultClass : std::uint8_t {
  Major,      // waited for storage
  Huge,       // got a 2 MiB page
  Present,    // page was there, the access was not allowed: copy on write or a lazy permission
  NoMapping,  // nothing known to be mapped at the address
  AnonLarge,  // private anonymous, got a block of several pages (mTHP)
  AnonWrite,  // private anonymous, first write: a page allocated and zeroed
  AnonRead,   // private anonymous, read before any write: the shared zero page
  FileWrite,  // first access a write: private copy, or shared page made writable
  FileRead,   // read or executed: page cache mapped, up to 16 pages at once
};
inline constexpr std::size_t kFaultClassCount = 9;
std::string_view name_of(FaultClass fault_class);

FaultClass classify(const event::Fault& fault, const attribution::Region* region);

// What of the faults belongs to one owner, thread or phase.
struct FaultShare {
  std::uint64_t count = 0;
  Nanoseconds ns = 0;
  std::uint64_t major = 0;
  std::uint64_t huge = 0;
};

// Where a finished fault belongs.
struct FaultPlace {
  FaultClass fault_class{};
  attribution::OwnerId owner = 0;
  std::int32_t thread = 0;  // index into Trace::threads, or ThreadIndex::kNone
  bool of_subject = false;
};

// Told of each finished fault, where somebody wants more than the sums.
class FaultObserver {
 public:
  virtual ~FaultObserver() = default;
  virtual void on_fault(const event::Fault& fault, const FaultPlace& place) = 0;
};

struct SlowFault {
  event::Fault fault;
  FaultClass fault_class{};
  attribution::OwnerId owner = 0;
};

struct FaultTotals {
  std::array<LatencyHistogram, kFaultClassCount> by_class;
  std::uint64_t minor = 0;
  std::uint64_t major = 0;
  std::uint64_t huge = 0;
  std::uint64_t kernel_mode = 0;
  std::uint64_t unfinished = 0;
  std::uint64_t without_time = 0;  // finished, but with no duration
  Nanoseconds user_ns = 0;
  Nanoseconds kernel_ns = 0;
  std::vector<FaultShare> by_owner;   // by OwnerId
  std::vector<FaultShare> by_thread;  // by index into Trace::threads; one more for unknown tids
  std::vector<FaultShare> by_phase;   // by index into Trace::phases
  std::vector<SlowFault> slowest;     // slowest first

  std::uint64_t finished() const { return minor + major; }
};

class FaultPass {
 public:
  // All must outlive it. Residency is told of the subject's faults; faults inside memory calls are
  // noted there.
  FaultPass(const event::Trace& trace, const attribution::OwnerHistory& owners,
            const ThreadIndex& threads, event::Pid subject, Residency& residency,
            MemoryCalls& calls, std::size_t keep_slowest, FaultObserver* observer = nullptr);

  void take(std::span<const event::Fault> faults);
  FaultTotals finish();

 private:
  void take(const event::Fault& fault);
  const attribution::Region* region_of(const event::Fault& fault, event::Pid pid);
  void share(const event::Fault& fault, bool huge, Nanoseconds ns, attribution::OwnerId owner,
             std::int32_t thread);
  void keep_if_slow(const event::Fault& fault, FaultClass fault_class, attribution::OwnerId owner);

  const event::Trace& trace_;
  const attribution::OwnerHistory& owners_;
  const ThreadIndex& threads_;
  event::Pid subject_;
  Residency& residency_;
  MemoryCalls& calls_;
  std::size_t keep_slowest_;
  FaultObserver* observer_;  // may be nullptr
  FaultTotals totals_;

  // The regions last faulted in: neighbouring faults mostly share one.
  std::array<const attribution::Region*, 256> recent_regions_{};
};

}  // namespace ft::analysis
