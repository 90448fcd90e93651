// Wishes is what a user wants to be otherwise than it was recorded: plain data that the keys of
// --set and the flags of --jvm fill in.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/numa/policy.h"
#include "sim/profile/machine_profile.h"
#include "sim/whatif/memory_limits.h"
#include "sim/whatif/memory_plan.h"

namespace ft::sim::whatif {

// A fact of the host as recordings keep it: "host.thp.enabled" is "always".
struct MetaChange {
  std::string key;
  std::string value;
};

struct NumaWish {
  numa::Mode mode = numa::Mode::Local;
  numa::NodeMask nodes = numa::NodeMask::all();
  numa::Weights weights = {};
};

struct Wishes {
  // Settings of the host.
  std::vector<MetaChange> host;
  std::shared_ptr<const profile::MachineProfile> machine;  // nullptr: the recorded one
  std::optional<profile::Defrag> defrag;

  // Physical memory.
  std::optional<NumaWish> numa;
  std::optional<ThreadPlaces> threads;
  std::optional<double> fragmented;
  std::optional<std::uint64_t> pool_2m;  // hugetlb pages
  std::optional<std::uint64_t> pool_1g;

  // Less memory than there was.
  LimitWishes limits;

  // What somebody other than the JVM's authors could change in its calls.
  bool populate_heap = false;
  std::uint64_t hugetlb_heap = 0;  // bytes of a page; 0: none

  // Flags of the JVM.
  std::uint64_t initial_heap = 0;  // 0: as recorded
  bool huge_pages = false;         // transparent
  bool large_pages = false;        // hugetlb
  bool pretouch = false;

  bool change_jvm() const {
    return initial_heap != 0 || huge_pages || large_pages || pretouch || hugetlb_heap != 0;
  }
  // Where frames come from matters.
  bool need_memory() const {
    return machine || defrag || numa || threads || fragmented || pool_2m || pool_1g;
  }
};

}  // namespace ft::sim::whatif
