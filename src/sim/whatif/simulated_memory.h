// SimulatedMemory is the physical memory of a prediction at work: the buddy allocator of each zone,
// and for each block the node that the kernel would choose, by the policy of the area or of the
// thread that asks, and the CPU that it runs on.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/interval_map.h"
#include "base/result.h"
#include "event/trace.h"
#include "sim/numa/placement.h"
#include "sim/phys/memory.h"
#include "sim/whatif/block_tally.h"
#include "sim/whatif/memory_plan.h"

namespace ft::sim::whatif {

class SimulatedMemory final : private phys::Placer {
 public:
  // Errors: as phys::Memory::make; pools of huge pages that do not fit into the memory. `trace` and
  // `tally` outlive it.
  static Result<std::unique_ptr<SimulatedMemory>> make(const MemoryPlan& plan,
                                                       const event::Trace& trace,
                                                       BlockTally& tally);
  ~SimulatedMemory() override = default;

  // Where processes take their frames. A PressureHandler is set here.
  phys::Memory& memory() { return *memory_; }
  const phys::Memory& memory() const { return *memory_; }

  // From now on this thread of this process asks.
  void run(event::Pid pid, event::Tid tid);
  // mbind, set_mempolicy, and what takes the policies of areas away.
  void follow(const event::Syscall& call);
  void end_process(event::Pid pid) { areas_.erase(pid); }

  // Requests since the last call of start_counting, by node.
  void start_counting();
  phys::NumaCounters numa(phys::NodeId node) const;

  // What of the target's own policies is not in the recording, one sentence each.
  const std::set<std::string>& notes() const { return notes_; }

 private:
  SimulatedMemory(const MemoryPlan& plan, std::unique_ptr<phys::Memory> memory,
                  const event::Trace& trace, BlockTally& tally);

  phys::MaybeFrame place(phys::Memory& memory, unsigned order, phys::FrameUse use) override;
  phys::MaybeFrame take_hugetlb(unsigned order);
  phys::MaybeFrame page_for_pool(unsigned order, phys::NodeId node, bool here_only);
  Result<void> fill_pools();
  Result<void> fill_pool(unsigned order, std::uint64_t pages);
  void place_threads(const event::Trace& trace);
  phys::HugeEffort effort(bool advised) const;
  numa::Policy policy_of(std::uint64_t mode, const char* call);
  numa::Placement& placement_of(event::Pid pid, event::Tid tid);
  numa::Placement& current() { return *placement_; }

  MemoryPlan plan_;
  std::unique_ptr<phys::Memory> memory_;
  BlockTally& tally_;
  phys::NodeMask nodes_;
  std::map<event::Tid, std::uint32_t> cpu_of_;
  std::map<event::Pid, event::Pid> parent_of_;
  std::map<event::Tid, numa::Placement> placements_;       // of tasks
  std::map<event::Pid, IntervalMap<numa::Policy>> areas_;  // of mbind
  std::map<unsigned, std::vector<phys::Pfn>> pools_;       // by order
  std::map<phys::NodeId, phys::NumaCounters> counted_from_;
  std::set<std::string> notes_;

  event::Pid pid_ = 0;
  event::Tid tid_ = 0;
  numa::Placement* placement_ = nullptr;
};

}  // namespace ft::sim::whatif
