#include "sim/reclaim/groups.h"

#include <algorithm>

#include "base/check.h"

namespace ft::sim::reclaim {

Groups::Groups(CgroupVersion version, std::uint64_t cpus, ReclaimRules rules)
    : version_(version), rules_(rules), groups_(1), held_(cpus), next_victim_(cpus) {
  FT_CHECK(cpus > 0 && rules.stocked_groups > 0);
}

GroupId Groups::add(GroupId parent, const GroupLimits& limits) {
  FT_CHECK(parent < groups_.size());
  groups_.push_back({.parent = parent, .limits = limits});
  return static_cast<GroupId>(groups_.size() - 1);
}

bool Groups::below(GroupId group, GroupId ancestor) const {
  while (group != ancestor) {
    if (group == kRootGroup) return false;
    group = groups_[group].parent;
  }
  return true;
}

std::vector<GroupId> Groups::tree(GroupId top) const {
  std::vector<GroupId> found = {top};
  for (GroupId id = 1; id < groups_.size(); ++id) {
    if (id != top && below(id, top)) found.push_back(id);
  }
  return found;
}

std::optional<GroupId> Groups::try_count(GroupId group, std::uint64_t pages, Counter counter,
                                         Limit limit) {
  for (GroupId id = group; id != kRootGroup; id = groups_[id].parent) {
    PageCounter& here = groups_[id].*counter;
    if (here.pages + pages <= groups_[id].limits.*limit) {
      here.pages += pages;
      continue;
    }
    ++here.failures;
    for (GroupId undo = group; undo != id; undo = groups_[undo].parent) {
      (groups_[undo].*counter).pages -= pages;
    }
    return id;
  }
  for (GroupId id = group; id != kRootGroup; id = groups_[id].parent) {
    PageCounter& here = groups_[id].*counter;
    here.most = std::max(here.most, here.pages);
  }
  return std::nullopt;
}

void Groups::count(GroupId group, std::uint64_t pages, Counter counter) {
  for (GroupId id = group; id != kRootGroup; id = groups_[id].parent) {
    PageCounter& here = groups_[id].*counter;
    here.pages += pages;
    here.most = std::max(here.most, here.pages);
  }
}

void Groups::uncount(GroupId group, std::uint64_t pages, Counter counter) {
  for (GroupId id = group; id != kRootGroup; id = groups_[id].parent) {
    PageCounter& here = groups_[id].*counter;
    FT_CHECK(here.pages >= pages);
    here.pages -= pages;
  }
}

std::optional<Groups::Obstacle> Groups::charge_counters(GroupId group, std::uint64_t pages) {
  const bool both = version_ == CgroupVersion::One;
  if (both) {
    const auto in_the_way =
        try_count(group, pages, &Group::both, &GroupLimits::memory_and_swap_max);
    if (in_the_way) return Obstacle{.group = *in_the_way, .with_swap = true};
  }
  const auto in_the_way = try_count(group, pages, &Group::memory, &GroupLimits::max);
  if (!in_the_way) return std::nullopt;
  if (both) uncount(group, pages, &Group::both);
  return Obstacle{.group = *in_the_way};
}

void Groups::uncharge_counters(GroupId group, std::uint64_t pages) {
  uncount(group, pages, &Group::memory);
  if (version_ == CgroupVersion::One) uncount(group, pages, &Group::both);
}

bool Groups::consume(GroupId group, std::uint64_t pages, std::uint32_t cpu) {
  if (pages > kChargeBatch) return false;
  for (Held& held : held_[cpu]) {
    if (held.group != group || held.pages < pages) continue;
    held.pages -= pages;
    return true;
  }
  return false;
}

// refill_stock
void Groups::hold(GroupId group, std::uint64_t pages, std::uint32_t cpu) {
  std::vector<Held>& stock = held_[cpu];
  auto mine = std::ranges::find(stock, group, &Held::group);
  if (mine == stock.end()) {
    if (stock.size() == rules_.stocked_groups) {
      // The kernel of 6.16 picks any; the model takes turns.
      Held& victim = stock[next_victim_[cpu]++ % stock.size()];
      uncharge_counters(victim.group, victim.pages);
      victim = {.group = group};
      mine = std::ranges::find(stock, group, &Held::group);
    } else {
      mine = stock.insert(stock.end(), {.group = group});
    }
  }
  mine->pages += pages;
  if (mine->pages > kChargeBatch) {
    uncharge_counters(group, mine->pages);
    mine->pages = 0;
  }
}

std::optional<Groups::Obstacle> Groups::try_charge(GroupId group, std::uint64_t pages,
                                                   std::uint32_t cpu) {
  FT_CHECK(group < groups_.size() && cpu < held_.size());
  if (group == kRootGroup || consume(group, pages, cpu)) return std::nullopt;
  const std::uint64_t batch = std::max(kChargeBatch, pages);
  if (!charge_counters(group, batch)) {
    if (batch > pages) hold(group, batch - pages, cpu);
    return std::nullopt;
  }
  return charge_counters(group, pages);
}

void Groups::charge_anyway(GroupId group, std::uint64_t pages) {
  count(group, pages, &Group::memory);
  if (version_ == CgroupVersion::One) count(group, pages, &Group::both);
}

void Groups::uncharge(GroupId group, std::uint64_t pages, std::uint32_t cpu, bool keeps) {
  if (group == kRootGroup) return;
  if (keeps) {
    hold(group, pages, cpu);
  } else {
    uncharge_counters(group, pages);
  }
}

void Groups::drain(GroupId group) {
  for (std::vector<Held>& stock : held_) {
    for (Held& held : stock) {
      if (!below(held.group, group)) continue;
      uncharge_counters(held.group, held.pages);
      held.pages = 0;
    }
    std::erase_if(stock, [](const Held& held) { return held.pages == 0; });
  }
}

std::uint64_t Groups::held_ahead(GroupId group) const {
  std::uint64_t pages = 0;
  for (const std::vector<Held>& stock : held_) {
    for (const Held& held : stock) {
      if (below(held.group, group)) pages += held.pages;
    }
  }
  return pages;
}

std::uint64_t Groups::margin(GroupId group) const {
  const Group& here = groups_[group];
  const auto left = [](std::uint64_t limit, const PageCounter& counter) {
    return limit > counter.pages ? limit - counter.pages : 0;
  };
  const std::uint64_t memory = left(here.limits.max, here.memory);
  if (version_ == CgroupVersion::Two) return memory;
  return std::min(memory, left(here.limits.memory_and_swap_max, here.both));
}

bool Groups::try_swap(GroupId group, std::uint64_t pages) {
  // Version 1: the sum of memory and swap stays what it is.
  if (version_ == CgroupVersion::One) {
    count(group, pages, &Group::swap);
    count(group, pages, &Group::both);
    return true;
  }
  return !try_count(group, pages, &Group::swap, &GroupLimits::swap_max);
}

void Groups::unswap(GroupId group, std::uint64_t pages) {
  uncount(group, pages, &Group::swap);
  if (version_ == CgroupVersion::One) uncount(group, pages, &Group::both);
}

std::uint64_t Groups::swap_left(GroupId group, std::uint64_t free) const {
  if (version_ == CgroupVersion::One) return free;
  for (GroupId id = group; id != kRootGroup; id = groups_[id].parent) {
    const std::uint64_t most = groups_[id].limits.swap_max;
    const std::uint64_t used = groups_[id].swap.pages;
    free = std::min(free, most > used ? most - used : 0);
  }
  return free;
}

unsigned Groups::swappiness(GroupId group, unsigned of_machine) const {
  if (version_ == CgroupVersion::Two || group == kRootGroup) return of_machine;
  return groups_[group].limits.swappiness.value_or(of_machine);
}

std::uint64_t Groups::total(GroupId group, std::uint64_t total_swap, unsigned swappiness) const {
  const GroupLimits& limits = groups_[group].limits;
  if (limits.max == kUnlimited || swappiness == 0) return limits.max;
  const std::uint64_t swap =
      version_ == CgroupVersion::One
          ? limits.memory_and_swap_max - std::min(limits.memory_and_swap_max, limits.max)
          : limits.swap_max;
  return limits.max + std::min(swap, total_swap);
}

std::uint64_t Groups::promised_to_children(GroupId group, Limit limit) const {
  std::uint64_t sum = 0;
  for (GroupId id = 1; id < groups_.size(); ++id) {
    if (groups_[id].parent == group) {
      sum += std::min(groups_[id].memory.pages, groups_[id].limits.*limit);
    }
  }
  return sum;
}

// effective_protection: what siblings claim beyond what their parent has is shared by use.
std::uint64_t Groups::effective(GroupId group, GroupId top, Limit limit) const {
  const Group& here = groups_[group];
  if (here.parent == top) return here.limits.*limit;
  const std::uint64_t claimed = std::min(here.memory.pages, here.limits.*limit);
  const std::uint64_t siblings = promised_to_children(here.parent, limit);
  const std::uint64_t of_parent = effective(here.parent, top, limit);
  return siblings > of_parent ? claimed * of_parent / siblings : claimed;
}

Protection Groups::protection(GroupId group, GroupId top) const {
  if (group == top || version_ == CgroupVersion::One || groups_[group].memory.pages == 0) return {};
  return {.min = effective(group, top, &GroupLimits::min),
          .low = effective(group, top, &GroupLimits::low)};
}

void Groups::check() const {
  std::vector<std::uint64_t> of_children(groups_.size());
  for (GroupId id = 1; id < groups_.size(); ++id) {
    FT_CHECK(groups_[id].parent < id);
    FT_CHECK(groups_[id].memory.most >= groups_[id].memory.pages);
    if (version_ == CgroupVersion::One) {
      FT_CHECK(groups_[id].both.pages == groups_[id].memory.pages + groups_[id].swap.pages);
    }
    of_children[groups_[id].parent] += groups_[id].memory.pages;
  }
  for (GroupId id = 1; id < groups_.size(); ++id) {
    FT_CHECK(of_children[id] <= groups_[id].memory.pages);
    FT_CHECK(held_ahead(id) <= groups_[id].memory.pages);
  }
  for (const std::vector<Held>& stock : held_) {
    FT_CHECK(stock.size() <= rules_.stocked_groups);
    for (const Held& held : stock) FT_CHECK(held.pages <= kChargeBatch);
  }
}

}  // namespace ft::sim::reclaim
