// Figures is what a replay comes to: what a user compares before and after a change. Counts are of
// the target and everything it forked, from its exec on; sizes are of the process with the most
// calls, the JVM, when its last event is over.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "jvm/subsystem.h"
#include "sim/cost/forecast.h"
#include "sim/fault/outcome.h"
#include "sim/phys/zone.h"
#include "sim/replay/replay.h"
#include "sim/tlb/geometry.h"
#include "sim/virt/page_table.h"
#include "sim/whatif/block_tally.h"
#include "sim/whatif/memory_plan.h"
#include "sim/whatif/parts.h"

namespace ft::sim::whatif {

inline constexpr std::size_t kFaultKinds = static_cast<std::size_t>(fault::Kind::OutOfMemory) + 1;

std::string_view name_of(fault::Kind kind);   // "anonymous_page", a key for programs
std::string_view title_of(fault::Kind kind);  // "anonymous page"

// The one with the most calls: of a script's processes, the JVM. 0: the trace has none.
event::Pid busiest_process(const event::Trace& trace);

struct PartFigures {
  jvm::Subsystem part{};
  std::uint64_t resident_bytes = 0;
  std::uint64_t huge_bytes = 0;
  // Of private memory: resident, but no page that the trace touches. What lies inside a page that
  // was huge when it was recorded counts as never touched but for the fault's own page.
  std::uint64_t bloat_bytes = 0;
  std::uint64_t hugetlb_bytes = 0;  // counts in no RSS
  // By the node's place in Figures::nodes, hugetlb included.
  std::vector<std::uint64_t> node_bytes;
};

// A node of the simulated memory.
struct NodeFigures {
  phys::NodeId node = 0;
  std::uint64_t resident_bytes = 0;  // of the process, at its end; hugetlb included
  phys::NumaCounters requests;       // of the target and everything it forked
  std::uint64_t free_bytes = 0;      // at the end
};

struct Figures {
  std::array<std::uint64_t, kFaultKinds> faults{};  // taken by the processor, by what served them
  std::uint64_t kernel_faults = 0;                  // taken by the kernel for populate and mlock
  std::array<std::uint64_t, kMostOrders> pages_by_order{};  // blocks for anonymous memory
  // Where memory is simulated: blocks larger than a page that were asked for in vain.
  std::optional<std::uint64_t> blocks_refused;
  std::uint64_t table_pages = 0;       // page-table pages made
  std::uint64_t page_table_bytes = 0;  // VmPTE
  std::uint64_t page_table_peak_bytes = 0;
  virt::ResidentPages resident;
  std::uint64_t resident_peak_bytes = 0;
  std::uint64_t hugetlb_bytes = 0;  // at the end; counts in no RSS
  std::uint64_t mapped_bytes = 0;   // VmSize
  // Leaf entries, by what they map: 4 KiB, 2 MiB, 1 GiB.
  std::array<std::uint64_t, 3> translations{};
  std::uint64_t flushes_full = 0;
  std::uint64_t flushes_ranged = 0;
  std::uint64_t flushed_pages = 0;  // by the ranged ones
  std::vector<PartFigures> parts;   // those that hold anything, by resident bytes
  std::vector<NodeFigures> nodes;   // by number; empty where memory is not simulated
  cost::Recorded time;              // what takes time; what it took: only of a recording as it was
  std::vector<std::string> estimated;

  std::uint64_t fault_count() const;
  std::uint64_t resident_bytes() const { return resident.total() * kPageSize; }
  std::uint64_t bloat_bytes() const;
};

// Bytes that the second level of that core's TLB covers at once when it is full of the page size
// that brings most, no more than are mapped with it.
std::uint64_t tlb_reach(const Figures& figures, const tlb::Geometry& core);

// Frames are counted, and never short.
Figures measure(const replay::Material& material, const Parts& parts);
// Frames come from the memory of `plan`. Errors: as SimulatedMemory::make.
Result<Figures> measure(const replay::Material& material, const Parts& parts,
                        const MemoryPlan& plan);

// What takes time in a recording as it was, without the rest of the figures.
cost::Recorded recorded_work(const replay::Material& material);

}  // namespace ft::sim::whatif
