// What happens to the pages of one list: mm/vmscan.c shrink_list and below, mm/workingset.c,
// mm/swap.c lru_note_cost.
#include <algorithm>

#include "base/check.h"
#include "sim/reclaim/reclaimer.h"
#include "sim/reclaim/reclaimer_scan.h"

namespace ft::sim::reclaim {

// isolate_lru_folios: from the tail; pages of zones that the request cannot use go to the head.
std::vector<PageId> Reclaimer::isolate(const Scan& scan, GroupId group, std::size_t node,
                                       ListKind list, std::uint64_t pages, std::uint64_t& scanned) {
  std::vector<PageId> taken;
  std::vector<PageId> skipped;
  std::uint64_t usable = 0;
  while (usable < pages) {
    const PageId id = lists_.last(group, node, list);
    if (id == kNoPage) break;
    const Page& page = lists_.page(id);
    scanned += page.pages();
    lists_.take_off(id);
    if (memory_ != nullptr && memory_->zones()[page.zone]->kind() > scan.highest) {
      skipped.push_back(id);
      continue;
    }
    usable += page.pages();
    taken.push_back(id);
  }
  for (const PageId id : skipped) lists_.put(id, list);
  return taken;
}

std::uint64_t Reclaimer::shrink_list(Scan& scan, GroupId group, std::size_t node, ListKind list,
                                     std::uint64_t pages) {
  if (!is_active(list)) return shrink_inactive(scan, group, node, list, pages);
  if (scan.deactivates[is_file(list) ? 1 : 0]) {
    shrink_active(scan, group, node, list, pages);
  } else {
    scan.skipped_active = true;
  }
  return 0;
}

// Active pages become inactive, used or not; only code that was run stays.
void Reclaimer::shrink_active(const Scan& scan, GroupId group, std::size_t node, ListKind list,
                              std::uint64_t pages) {
  std::uint64_t scanned = 0;
  std::uint64_t rotated = 0;
  std::vector<PageId> inactive;
  std::vector<PageId> active;
  for (const PageId id : isolate(scan, group, node, list, pages, scanned)) {
    Page& page = lists_.page(id);
    const bool used = page.young;
    page.young = false;
    if (used && page.executable && page.file()) {
      rotated += page.pages();
      active.push_back(id);
      continue;
    }
    page.workingset = true;
    counts_.deactivated += page.pages();
    inactive.push_back(id);
  }
  for (const PageId id : active) put_active(id);
  for (const PageId id : inactive) lists_.put(id, inactive_list(is_file(list)));
  if (settings_.rules.counts_rotations && rotated != 0) {
    note_cost(group, node, is_file(list), 0, rotated);
  }
}

std::uint64_t Reclaimer::shrink_inactive(Scan& scan, GroupId group, std::size_t node, ListKind list,
                                         std::uint64_t pages) {
  std::uint64_t isolated = 0;
  const std::vector<PageId> taken = isolate(scan, group, node, list, pages, isolated);
  if (taken.empty()) return 0;
  std::uint64_t freed = 0;
  std::uint64_t written = 0;
  for (const PageId id : taken) {
    const std::uint64_t here = lists_.page(id).pages();
    scan.scanned += here;
    (scan.kswapd ? counts_.scanned_kswapd : counts_.scanned_direct) += here;
    switch (decide(scan, id)) {
      case Fate::Freed:
        freed += here;
        break;
      case Fate::Written:
        // Once it is on disk it is moved to where it is looked at next (folio_rotate_reclaimable).
        written += here;
        lists_.put_last(id, list);
        break;
      case Fate::Kept:
        lists_.put(id, list);
        break;
      case Fate::Activated:
        counts_.activated += here;
        put_active(id);
        break;
    }
  }
  (scan.kswapd ? counts_.freed_kswapd : counts_.freed_direct) += freed;
  note_cost(group, node, is_file(list), written,
            settings_.rules.counts_rotations ? isolated - freed : 0);
  return freed;
}

// folio_check_references. Freed: it may be.
Reclaimer::Fate Reclaimer::decide_by_use(Page& page) const {
  const bool used = page.young;
  const bool used_before = page.referenced;
  page.young = false;
  page.referenced = used;
  if (!used) return Fate::Freed;
  if (used_before || (page.executable && page.file())) return Fate::Activated;
  return Fate::Kept;
}

// shrink_folio_list, for one page.
Reclaimer::Fate Reclaimer::decide(const Scan& scan, PageId id) {
  Page& page = lists_.page(id);
  const Fate by_use = decide_by_use(page);
  if (by_use != Fate::Freed) return by_use;
  if (!page.file()) return swap_out(scan, id);
  if (page.dirty) {
    // Writing is left to the flusher, who is woken.
    page.dirty = false;
    return Fate::Activated;
  }
  drop(scan, id, false);
  return Fate::Freed;
}

Reclaimer::Fate Reclaimer::swap_out(const Scan& scan, PageId id) {
  Page& page = lists_.page(id);
  if (!page.swap_cached) {
    if (groups_.swap_left(page.group, swap_.free()) < page.pages()) return Fate::Activated;
    const auto slot = swap_.take(page.pages());
    if (!slot) return Fate::Activated;
    if (!groups_.try_swap(page.group, page.pages())) {
      swap_.give(*slot, page.pages());
      return Fate::Activated;
    }
    page.swap_cached = true;
    page.slot = *slot;
    counts_.swapped += page.pages();
    swap_changed();
    if (!swap_.writes_at_once(*slot)) return Fate::Written;
  }
  drop(scan, id, true);
  return Fate::Freed;
}

// __remove_mapping and what follows: it is gone from memory.
void Reclaimer::drop(const Scan& scan, PageId id, bool to_swap) {
  const Page page = lists_.page(id);
  const Evicted how = {.to_swap = to_swap,
                       .slot = to_swap ? page.slot : 0,
                       .shadow = {.group = scan.top,
                                  .node = page.node,
                                  .age = lists_.costs(scan.top, page.node).age,
                                  .workingset = page.workingset}};
  grow_old(scan.top, page.node, page.pages());
  if (!to_swap) counts_.dropped += page.pages();
  lists_.remove(id);
  groups_.uncharge(page.group, page.pages(), 0);
  owner_.evicted(id, page, how);
}

void Reclaimer::put_active(PageId id) {
  const Page& page = lists_.page(id);
  lists_.put(id, active_list(page.file()));
  grow_old(page.group, page.node, page.pages());
}

// workingset_age_nonresident
void Reclaimer::grow_old(GroupId group, std::size_t node, std::uint64_t pages) {
  for (GroupId id = group;; id = groups_.parent(id)) {
    lists_.costs(id, node).age += pages;
    if (id == kRootGroup) return;
  }
}

// lru_note_cost: a floating average, halved whenever it passes a quarter of the lists.
void Reclaimer::note_cost(GroupId group, std::size_t node, bool file, std::uint64_t written,
                          std::uint64_t rotated) {
  const std::uint64_t cost =
      settings_.rules.counts_rotations ? written * kClusterPages + rotated : written;
  for (GroupId id = group;; id = groups_.parent(id)) {
    ListCosts& costs = lists_.costs(id, node);
    (file ? costs.file : costs.anonymous) += cost;
    std::uint64_t pages = 0;
    for (std::size_t list = 0; list < kEvictableLists; ++list) {
      pages += tree_size(id, node, static_cast<ListKind>(list));
    }
    if (costs.file + costs.anonymous > pages / 4) {
      costs.file /= 2;
      costs.anonymous /= 2;
    }
    if (id == kRootGroup) return;
  }
}

// workingset_refault. Whether it was away for less than what is in memory is large.
bool Reclaimer::returns_to_active(Page& page, const Shadow& shadow) {
  counts_.refaults += page.pages();
  const std::size_t node = shadow.node;
  const auto size = [&](ListKind list) { return tree_size(shadow.group, node, list); };
  std::uint64_t working_set = size(ListKind::ActiveFile);
  if (!page.file()) working_set += size(ListKind::InactiveFile);
  if (groups_.swap_left(shadow.group, swap_.free()) > 0) {
    working_set += size(ListKind::ActiveAnonymous);
    if (page.file()) working_set += size(ListKind::InactiveAnonymous);
  }
  if (lists_.costs(shadow.group, node).age - shadow.age > working_set) return false;
  grow_old(page.group, page.node, page.pages());
  for (GroupId id = page.group;; id = groups_.parent(id)) {
    lists_.costs(id, page.node).activated_refaults[page.file() ? 1 : 0] += page.pages();
    if (id == kRootGroup) break;
  }
  counts_.refaults_activated += page.pages();
  if (shadow.workingset) {
    page.workingset = true;
    note_cost(page.group, page.node, page.file(), page.pages(), 0);
  }
  return true;
}

PageId Reclaimer::add_returned(Page page, const Shadow& shadow) {
  const bool active = returns_to_active(page, shadow);
  const PageId id = lists_.add(page);
  if (active) lists_.put(id, active_list(page.file()));
  return id;
}

}  // namespace ft::sim::reclaim
