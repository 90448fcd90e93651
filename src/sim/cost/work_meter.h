// WorkMeter watches a replay and writes down what the simulated kernel did, and beside it how long
// the recorded faults and calls took.
//
// The rules of kernel mm time are those of the report: faults that ended, and memory calls, the
// faults inside a call counted as faults alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "sim/cost/forecast.h"
#include "sim/cost/recorded_times.h"
#include "sim/cost/work.h"
#include "sim/replay/replay.h"

namespace ft::sim::cost {

class WorkMeter final : public replay::Observer {
 public:
  // `blocks_by_order`: of anonymous memory, taken from the replay's frames so far; both outlive it.
  WorkMeter(const replay::Material& material, std::span<const std::uint64_t> blocks_by_order);

  void before(const replay::Step& step, const replay::Scene& scene) override;
  void after_call(const replay::Step& step, const replay::CallOutcome& outcome,
                  const replay::Scene& scene) override;
  void after_fault(const replay::Step& step, const replay::FaultOutcome& outcome,
                   const replay::Scene& scene) override;

  // What there is at the end. The times mean nothing where the recording was changed.
  Recorded take();

  // Kernel mm time of the whole recording, as the report tells it; nothing where the recording
  // does not hold it.
  static std::optional<Nanoseconds> recorded_ns(const replay::Material& material);

 private:
  // What a call is about to change.
  struct Before {
    std::uint64_t resident = 0;  // pages
    std::uint64_t kernel_faults = 0;
    std::uint64_t huge_bytes = 0;       // in the call's range
    std::uint64_t protected_pages = 0;  // present ones whose protection mprotect changes
    std::vector<std::uint64_t> blocks;
  };

  Operations operations_of(const event::Syscall& call, const replay::Scene& scene) const;
  void add_populated(const replay::Scene& scene, Operations& operations,
                     std::uint64_t& pages) const;
  void add(PartId part, const Operations& operations, Nanoseconds ns, double coldness);
  // How cold the kernel is for a thread that comes at `ts`, and will be back after `dur`.
  double enter(event::Tid tid, Nanoseconds ts, Nanoseconds dur);
  // Whether another thread was in the kernel meanwhile.
  bool is_in_company(event::Tid tid, Nanoseconds ts, Nanoseconds dur) const;
  void note_company(event::Tid tid, Nanoseconds ts, Nanoseconds dur, Operations& operations) const;

  const replay::Material& material_;
  std::span<const std::uint64_t> blocks_;
  std::vector<Nanoseconds> nested_;  // by call: faults of its thread inside it
  Before before_;
  struct Stay {
    Nanoseconds from = 0;
    Nanoseconds to = 0;
  };
  std::unordered_map<event::Tid, Stay> stays_;  // the last of each thread in the kernel
  Work work_;
  RecordedTimes times_;
};

}  // namespace ft::sim::cost
