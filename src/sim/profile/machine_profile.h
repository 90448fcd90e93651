// MachineProfile is a whole machine as predictions need it: nodes, memory and CPUs, the TLB of its
// cores, its kernel and settings, what operations cost. It comes from one TOML file
// (docs/machine.md), from what is built in, or from this host.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sim/numa/policy.h"
#include "sim/numa/topology.h"
#include "sim/phys/memory_start.h"
#include "sim/profile/costs.h"
#include "sim/tlb/geometry.h"

namespace ft::sim::profile {

// transparent_hugepage/defrag: how hard a fault tries for a huge page.
enum class Defrag : std::uint8_t { Always, Defer, DeferMadvise, Madvise, Never };

std::string_view name_of(Defrag defrag);  // "defer+madvise"

// Pages that are set aside for hugetlbfs, of the machine.
struct HugetlbPools {
  std::uint64_t pages_2m = 0;
  std::uint64_t pages_1g = 0;

  bool operator==(const HugetlbPools&) const = default;
};

// Settings; what is empty stays as it was recorded.
struct KernelSettings {
  std::string release;                           // "6.18.44", as uname -r has it
  std::string thp;                               // "always", "madvise", "never"
  std::map<std::string, std::string> thp_sizes;  // "64kB" to "always", "inherit", ...
  std::optional<bool> thp_zero_page;
  std::optional<Defrag> defrag;
  std::optional<HugetlbPools> hugetlb;
  std::optional<unsigned> overcommit_memory;      // 0, 1, 2
  std::optional<std::uint64_t> overcommit_ratio;  // percent
  std::optional<std::uint64_t> swap_bytes;
  std::optional<std::uint64_t> max_map_count;
  std::optional<std::uint64_t> min_free_kbytes;
  std::optional<std::uint64_t> watermark_scale_factor;
};

struct MachineProfile {
  std::string name;
  std::string description;
  std::string source;  // where its figures come from
  numa::Topology topology;
  tlb::Geometry tlb;
  KernelSettings kernel;
  numa::Weights weights = {};  // of weighted interleaving, by node
  double fragmented = 0;       // share of free pageblocks in which a frame is pinned, 0 to 1
  MachineCosts costs;          // what its file tells; empty: not measured
  // What is free of its memory now; empty: all of it.
  std::optional<phys::MemoryStart> memory_now;
};

// The memory a simulation of it starts with. Errors: as Topology::memory_start.
Result<phys::MemoryStart> memory_start(const MachineProfile& machine, std::string_view release);

// How the page allocator of a release behaves; where it is no release, the newest.
phys::AllocatorRules allocator_rules(std::string_view release);

}  // namespace ft::sim::profile
