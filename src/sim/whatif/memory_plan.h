// MemoryPlan is the physical memory that a prediction is made for, and who asks it for pages: what
// SimulatedMemory is made from. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/numa/policy.h"
#include "sim/phys/memory_start.h"
#include "sim/profile/machine_profile.h"

namespace ft::sim::whatif {

// On which CPUs the threads run; no recording says it.
enum class ThreadPlaces : std::uint8_t {
  Together,  // on those of the first node that has any
  Spread,    // dealt to the nodes in the order of their births
};

struct MemoryPlan {
  std::string machine;  // its name, for people
  phys::MemoryStart start;
  double fragmented = 0;  // Memory::fragment
  profile::Defrag defrag = profile::Defrag::Madvise;
  numa::Policy policy;        // of the tasks, as numactl would set it
  bool keeps_policy = false;  // set_mempolicy(2) of the target changes nothing
  numa::Weights weights = {};
  ThreadPlaces threads = ThreadPlaces::Together;
  profile::HugetlbPools hugetlb;  // filled before the start, dealt to the nodes in turn
  bool pools_grow = false;  // by a page whenever one is wanted: nobody says how many there are
};

}  // namespace ft::sim::whatif
