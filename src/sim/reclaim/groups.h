// Groups is the tree of memory cgroups: what each uses and may use, and the pages that CPUs hold
// charged ahead (mm/page_counter.c, mm/memcontrol.c). It decides whether a charge fits; making room
// is the reclaimer's work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/reclaim/rules.h"
#include "sim/reclaim/scan_count.h"

namespace ft::sim::reclaim {

using GroupId = std::uint32_t;
inline constexpr GroupId kRootGroup = 0;
inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
inline constexpr std::uint64_t kChargeBatch = 64;  // MEMCG_CHARGE_BATCH: pages charged ahead

// Version 1 counts memory, and memory and swap together; version 2 counts each by itself.
enum class CgroupVersion : std::uint8_t { One, Two };

// In pages. Files round limits down to pages: 4097 bytes are one page.
struct GroupLimits {
  std::uint64_t max = kUnlimited;                  // memory.limit_in_bytes, memory.max
  std::uint64_t high = kUnlimited;                 // memory.high (version 2)
  std::uint64_t low = 0;                           // memory.low (version 2)
  std::uint64_t min = 0;                           // memory.min (version 2)
  std::uint64_t swap_max = kUnlimited;             // memory.swap.max (version 2)
  std::uint64_t memory_and_swap_max = kUnlimited;  // memory.memsw.limit_in_bytes (version 1)
  // memory.swappiness (version 1); empty: that of the machine.
  std::optional<unsigned> swappiness;
};

// One number of a group, with how often it met its limit.
struct PageCounter {
  std::uint64_t pages = 0;
  std::uint64_t most = 0;      // watermark: max_usage_in_bytes, memory.peak
  std::uint64_t failures = 0;  // failcnt
};

// memory.events of version 2.
struct GroupEvents {
  std::uint64_t low = 0;   // reclaimed from though protected
  std::uint64_t high = 0;  // reclaimed for having passed memory.high
  std::uint64_t max = 0;   // had to make room for a charge
  std::uint64_t oom = 0;
  std::uint64_t oom_kill = 0;
};

class Groups {
 public:
  Groups(CgroupVersion version, std::uint64_t cpus, ReclaimRules rules = {});

  // REQUIRES: parent exists.
  GroupId add(GroupId parent, const GroupLimits& limits);

  CgroupVersion version() const { return version_; }
  std::size_t size() const { return groups_.size(); }
  GroupId parent(GroupId group) const { return groups_[group].parent; }
  const GroupLimits& limits(GroupId group) const { return groups_[group].limits; }
  // Of the group and everything below it, with what CPUs hold charged ahead.
  const PageCounter& memory(GroupId group) const { return groups_[group].memory; }
  const PageCounter& swap(GroupId group) const { return groups_[group].swap; }
  const PageCounter& memory_and_swap(GroupId group) const { return groups_[group].both; }
  GroupEvents& events(GroupId group) { return groups_[group].events; }
  const GroupEvents& events(GroupId group) const { return groups_[group].events; }
  // Whether `group` is `ancestor` or below it.
  bool below(GroupId group, GroupId ancestor) const;
  std::vector<GroupId> tree(GroupId top) const;  // in the order of the kernel's walk, top first

  // What one try of a charge comes to: done, or which group's limit is in the way, and whether it
  // is the one of memory and swap together, where swapping out brings nothing.
  struct Obstacle {
    GroupId group = kRootGroup;
    bool with_swap = false;
  };
  // From what the CPU holds ahead; else a batch from the counters; else just `pages`.
  std::optional<Obstacle> try_charge(GroupId group, std::uint64_t pages, std::uint32_t cpu);
  // Whatever the limits say (__GFP_NOFAIL).
  void charge_anyway(GroupId group, std::uint64_t pages);
  // Pages that a process gives back go to what its CPU holds ahead where `keeps`, as kernel memory
  // does (obj_cgroup_uncharge_pages); pages of processes go back at once.
  void uncharge(GroupId group, std::uint64_t pages, std::uint32_t cpu, bool keeps = false);
  // What all CPUs hold for the group and those below (drain_all_stock).
  void drain(GroupId group);
  std::uint64_t held_ahead(GroupId group) const;
  // How many pages fit before a limit (mem_cgroup_margin), of this group alone.
  std::uint64_t margin(GroupId group) const;

  // A page moves to swap or back. try_swap: false where a limit forbids it (version 2).
  bool try_swap(GroupId group, std::uint64_t pages);
  void unswap(GroupId group, std::uint64_t pages);
  // Slots that it may still use, of `free` (mem_cgroup_get_nr_swap_pages).
  std::uint64_t swap_left(GroupId group, std::uint64_t free) const;
  unsigned swappiness(GroupId group, unsigned of_machine) const;
  // Memory and swap that it could have (mem_cgroup_get_max), for the killer's arithmetic.
  std::uint64_t total(GroupId group, std::uint64_t total_swap, unsigned swappiness) const;

  // What it is promised when memory is short in `top` (page_counter_calculate_protection, without
  // memory_recursiveprot).
  Protection protection(GroupId group, GroupId top) const;

  void check() const;

 private:
  struct Group {
    GroupId parent = kRootGroup;
    GroupLimits limits;
    PageCounter memory;
    PageCounter swap;
    PageCounter both;
    GroupEvents events;
  };
  struct Held {
    GroupId group = kRootGroup;
    std::uint64_t pages = 0;
  };
  using Counter = PageCounter Group::*;
  using Limit = std::uint64_t GroupLimits::*;

  std::optional<GroupId> try_count(GroupId group, std::uint64_t pages, Counter counter,
                                   Limit limit);
  void count(GroupId group, std::uint64_t pages, Counter counter);
  void uncount(GroupId group, std::uint64_t pages, Counter counter);
  std::optional<Obstacle> charge_counters(GroupId group, std::uint64_t pages);
  void uncharge_counters(GroupId group, std::uint64_t pages);
  bool consume(GroupId group, std::uint64_t pages, std::uint32_t cpu);
  void hold(GroupId group, std::uint64_t pages, std::uint32_t cpu);
  std::uint64_t promised_to_children(GroupId group, Limit limit) const;
  std::uint64_t effective(GroupId group, GroupId top, Limit limit) const;

  CgroupVersion version_;
  ReclaimRules rules_;
  std::vector<Group> groups_;
  std::vector<std::vector<Held>> held_;   // by CPU
  std::vector<std::size_t> next_victim_;  // by CPU: whose held pages make room for another group's
};

}  // namespace ft::sim::reclaim
