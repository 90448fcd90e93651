// What one run of reclaim does to a node: mm/vmscan.c prepare_scan_control, shrink_node and
// shrink_lruvec, do_try_to_free_pages, balance_pgdat.
#include <algorithm>

#include "base/check.h"
#include "sim/reclaim/reclaimer.h"
#include "sim/reclaim/reclaimer_scan.h"

namespace ft::sim::reclaim {

namespace {

constexpr unsigned kMostFailures = 16;  // MAX_RECLAIM_RETRIES: kswapd gives a node up

std::size_t at(ListKind list) {
  return index_of(list);
}

// shrink_lruvec, once enough was found: the kind of which more is left to do is stopped at the same
// share of its target as the other one, which is not looked at any further.
void keep_proportion(const ListCounts& targets, ListCounts& left) {
  const bool more_file =
      left[at(ListKind::InactiveFile)] + left[at(ListKind::ActiveFile)] >
      left[at(ListKind::InactiveAnonymous)] + left[at(ListKind::ActiveAnonymous)];
  const auto sum = [](const ListCounts& counts, bool file) {
    return counts[at(inactive_list(file))] + counts[at(active_list(file))];
  };
  const bool smaller = !more_file;
  const std::uint64_t percent = sum(left, smaller) * 100 / (sum(targets, smaller) + 1);
  left[at(inactive_list(smaller))] = 0;
  left[at(active_list(smaller))] = 0;
  for (const ListKind list : {inactive_list(more_file), active_list(more_file)}) {
    const std::uint64_t scanned = targets[at(list)] - left[at(list)];
    const std::uint64_t share = targets[at(list)] * (100 - percent) / 100;
    left[at(list)] = share - std::min(share, scanned);
  }
}

}  // namespace

std::uint64_t Reclaimer::tree_size(GroupId top, std::size_t node, ListKind list) const {
  if (top == kRootGroup) return lists_.node_size(node, list);
  std::uint64_t pages = 0;
  for (const GroupId id : groups_.tree(top)) pages += lists_.size(id, node, list);
  return pages;
}

bool Reclaimer::low_on_inactive(GroupId top, std::size_t node, bool file) const {
  return inactive_is_low(tree_size(top, node, inactive_list(file)),
                         tree_size(top, node, active_list(file)));
}

void Reclaimer::prepare(Scan& scan, std::size_t node) const {
  const ListCosts& costs = lists_.costs(scan.top, node);
  scan.anonymous_cost = costs.anonymous;
  scan.file_cost = costs.file;
  for (const bool file : {false, true}) {
    // Pages that come back are a new working set: the old one must go.
    const bool changed =
        costs.activated_refaults[file ? 1 : 0] != costs.seen_refaults[file ? 1 : 0];
    scan.deactivates[file ? 1 : 0] =
        scan.forces_deactivation || changed || low_on_inactive(scan.top, node, file);
  }
  const std::uint64_t inactive_file = tree_size(scan.top, node, ListKind::InactiveFile);
  scan.trims_cache =
      inactive_file >> scan.priority != 0 && !scan.deactivates[1] && !scan.never_trims_cache;
  scan.little_file = false;
  if (scan.for_limit || memory_ == nullptr) return;
  std::uint64_t high = 0;
  std::uint64_t free = 0;
  for (const phys::Zone* zone : memory_->nodes()[node].zones) {
    high += zone->mark(phys::Mark::High);
    free += zone->free_pages();
  }
  const std::uint64_t file = inactive_file + tree_size(scan.top, node, ListKind::ActiveFile);
  const std::uint64_t anonymous = tree_size(scan.top, node, ListKind::InactiveAnonymous);
  scan.little_file = file + free <= high && !scan.deactivates[0] && anonymous >> scan.priority != 0;
}

bool Reclaimer::can_swap(GroupId group) const {
  return groups_.swap_left(group, swap_.free()) > 0;
}

void Reclaimer::shrink_lists(Scan& scan, GroupId group, std::size_t node) {
  ScanInput input = {
      .priority = scan.priority,
      .swappiness = groups_.swappiness(group, settings_.swappiness),
      .can_swap = scan.may_swap && can_swap(group),
      .of_group = scan.for_limit,
      .little_file = scan.little_file,
      .trims_cache = scan.trims_cache,
      .anonymous_cost = scan.anonymous_cost,
      .file_cost = scan.file_cost,
      .protection = groups_.protection(group, scan.top),
      .group_pages = groups_.memory(group).pages,
      .breaks_low = scan.breaks_low,
  };
  for (std::size_t i = 0; i < kEvictableLists; ++i) {
    input.sizes[i] = lists_.size(group, node, static_cast<ListKind>(i));
  }
  const ScanTargets found = scan_targets(input);
  scan.spared_low = scan.spared_low || found.spared_low;
  ListCounts left = found.pages;
  // Direct reclaim at first looks at all it set out to.
  const bool looks_at_all = !scan.for_limit && !scan.kswapd && scan.priority == kFirstPriority;
  std::uint64_t freed = 0;
  while (left[at(ListKind::InactiveAnonymous)] != 0 || left[at(ListKind::ActiveFile)] != 0 ||
         left[at(ListKind::InactiveFile)] != 0) {
    for (std::size_t i = 0; i < kEvictableLists; ++i) {
      const std::uint64_t now = std::min(left[i], kClusterPages);
      if (now == 0) continue;
      left[i] -= now;
      freed += shrink_list(scan, group, node, static_cast<ListKind>(i), now);
    }
    if (freed < scan.wanted || looks_at_all) continue;
    if (left[at(ListKind::InactiveFile)] + left[at(ListKind::ActiveFile)] == 0 ||
        left[at(ListKind::InactiveAnonymous)] + left[at(ListKind::ActiveAnonymous)] == 0) {
      break;
    }
    keep_proportion(found.pages, left);
  }
  scan.freed += freed;
  if (swap_.total() > 0 && low_on_inactive(group, node, false)) {
    shrink_active(scan, group, node, ListKind::ActiveAnonymous, kClusterPages);
  }
}

void Reclaimer::shrink_groups(Scan& scan, std::size_t node) {
  for (const GroupId group : groups_.tree(scan.top)) {
    const Protection promised = groups_.protection(group, scan.top);
    const std::uint64_t used = groups_.memory(group).pages;
    if (promised.min != 0 && used <= promised.min) continue;
    if (promised.low != 0 && used <= promised.low) {
      if (!scan.breaks_low) {
        scan.spared_low = true;
        continue;
      }
      ++groups_.events(group).low;
    }
    shrink_lists(scan, group, node);
    if (!scan.kswapd && !scan.walks_all && scan.freed >= scan.wanted) return;
  }
}

void Reclaimer::shrink_node(Scan& scan, std::size_t node) {
  const std::uint64_t before = scan.freed;
  prepare(scan, node);
  shrink_groups(scan, node);
  if (scan.freed != before) {
    failures_[node] = 0;
  } else if (scan.trims_cache) {
    scan.trimming_failed = true;
  }
}

void Reclaimer::snapshot_refaults(GroupId top, std::size_t node) {
  ListCosts& costs = lists_.costs(top, node);
  costs.seen_refaults = costs.activated_refaults;
}

// do_try_to_free_pages: ever larger shares of the lists, then again without what held it back.
std::uint64_t Reclaimer::free_up(Scan& scan, const std::vector<std::size_t>& nodes) {
  const bool was_busy = busy_;
  busy_ = true;
  while (true) {
    for (scan.priority = kFirstPriority;; --scan.priority) {
      scan.scanned = 0;
      for (const std::size_t node : nodes) shrink_node(scan, node);
      if (scan.freed >= scan.wanted || scan.priority == 0) break;
    }
    for (const std::size_t node : nodes) snapshot_refaults(scan.top, node);
    if (scan.freed != 0) break;
    if (settings_.rules.walks_all_groups_again && !scan.walks_all) {
      scan.walks_all = true;
    } else if (scan.skipped_active) {
      scan.forces_deactivation = true;
      scan.skipped_active = false;
    } else if (scan.spared_low) {
      scan.forces_deactivation = false;
      scan.breaks_low = true;
      scan.spared_low = false;
    } else {
      break;
    }
  }
  busy_ = was_busy;
  return scan.freed;
}

// pgdat_balanced: one zone that has enough will do.
bool Reclaimer::balanced(std::size_t node, unsigned order, phys::ZoneKind highest) const {
  bool any = false;
  for (const phys::Zone* zone : memory_->nodes()[node].zones) {
    if (zone->kind() > highest) continue;
    any = true;
    if (zone->watermark_ok(order, phys::Mark::High, highest, {})) return true;
  }
  return !any;
}

bool Reclaimer::boosted(std::size_t node, phys::ZoneKind highest) const {
  return std::ranges::any_of(memory_->nodes()[node].zones, [&](const phys::Zone* zone) {
    return zone->kind() <= highest && zone->marks().boost != 0;
  });
}

// kswapd_age_node
void Reclaimer::age_node(const Scan& scan, std::size_t node) {
  if (swap_.total() == 0 || !low_on_inactive(kRootGroup, node, false)) return;
  for (const GroupId group : groups_.tree(kRootGroup)) {
    shrink_active(scan, group, node, ListKind::ActiveAnonymous, kClusterPages);
  }
}

// balance_pgdat
void Reclaimer::balance_node(std::size_t node, unsigned order, phys::ZoneKind highest) {
  Scan scan = {.kswapd = true, .highest = highest, .order = order};
  const std::vector<phys::Zone*>& zones = memory_->nodes()[node].zones;
  std::vector<std::uint64_t> boosts;
  std::uint64_t boost = 0;
  for (const phys::Zone* zone : zones) {
    boosts.push_back(zone->kind() <= highest ? zone->marks().boost : 0);
    boost += boosts.back();
  }
  const bool was_busy = busy_;
  busy_ = true;
  bool done = false;
  while (!done) {
    bool again = false;
    scan.priority = kFirstPriority;
    while (scan.priority >= 1) {
      const std::uint64_t before = scan.freed;
      const bool is_balanced = balanced(node, scan.order, highest);
      if (!is_balanced && boost != 0) {
        boost = 0;
        again = true;
        break;
      }
      if (boost == 0 && is_balanced) {
        done = true;
        break;
      }
      bool harder = !(boost != 0 && scan.priority == kFirstPriority - 2);
      // For the sake of larger blocks nothing is written out.
      scan.may_swap = boost == 0;
      age_node(scan, node);
      scan.scanned = 0;
      scan.wanted = 0;
      for (const phys::Zone* zone : zones) {
        if (zone->kind() <= highest) {
          scan.wanted += std::max(zone->mark(phys::Mark::High), kClusterPages);
        }
      }
      shrink_node(scan, node);
      // Twice the block was freed: from here on only single pages matter (compact_gap).
      if (scan.order != 0 && scan.freed >= (std::uint64_t{2} << scan.order)) scan.order = 0;
      const std::uint64_t freed = scan.freed - before;
      if (std::max(scan.scanned, freed) >= scan.wanted) harder = false;
      boost -= std::min(boost, freed);
      if (boost != 0 && freed == 0) {
        done = true;
        break;
      }
      if (harder || freed == 0) --scan.priority;
    }
    if (done || again) continue;
    done = true;
    if (settings_.rules.gives_up_trimming_cache && scan.freed == 0 && !scan.never_trims_cache &&
        scan.trimming_failed) {
      scan.never_trims_cache = true;
      done = false;
    } else if (scan.freed == 0) {
      ++failures_[node];
      ++counts_.kswapd_failures;
    }
  }
  busy_ = was_busy;
  for (std::size_t i = 0; i < zones.size(); ++i) {
    std::uint64_t& now = zones[i]->marks().boost;
    now -= std::min(now, boosts[i]);
  }
  snapshot_refaults(kRootGroup, node);
}

void Reclaimer::wake_kswapd(phys::Memory& memory, phys::Zone& zone, const phys::Request& request) {
  FT_CHECK(&memory == memory_);
  if (busy_) return;
  std::size_t node = 0;
  while (memory.nodes()[node].id != zone.node()) ++node;
  if (failures_[node] >= kMostFailures) return;
  if (balanced(node, request.order, request.highest) && !boosted(node, request.highest)) return;
  ++counts_.kswapd_wakeups;
  balance_node(node, request.order, request.highest);
}

}  // namespace ft::sim::reclaim
