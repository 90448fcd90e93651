#include "sim/reclaim/reclaimer.h"

#include <algorithm>

#include "base/check.h"
#include "sim/reclaim/reclaimer_scan.h"

namespace ft::sim::reclaim {

namespace {

constexpr unsigned kMostRounds = 16;       // MAX_RECLAIM_RETRIES
constexpr std::uint64_t kCostlyPages = 8;  // 1 << PAGE_ALLOC_COSTLY_ORDER
constexpr unsigned kCostlyOrder = 3;
constexpr unsigned kOveragePrecision = 20;  // MEMCG_DELAY_PRECISION_SHIFT
constexpr std::uint64_t kShortestDelayMs = 10;
constexpr std::uint64_t kLongestDelayMs = 2000;

}  // namespace

std::uint64_t high_delay_ms(std::uint64_t used, std::uint64_t high, std::uint64_t pages) {
  if (used <= high) return 0;
  // The overage as a share of the limit, squared; 64 seconds for twice the limit and 64 pages.
  const std::uint64_t limit = std::max<std::uint64_t>(high, 1);
  const std::uint64_t overage = ((used - high) << kOveragePrecision) / limit;
  if (overage >= std::uint64_t{1} << 24U) return kLongestDelayMs;
  const std::uint64_t ms = ((overage * overage * 1000) >> 34U) * pages / kChargeBatch;
  return ms <= kShortestDelayMs ? 0 : std::min(ms, kLongestDelayMs);
}

Reclaimer::Reclaimer(const ReclaimSettings& settings, Groups& groups, Swap& swap, Owner& owner,
                     phys::Memory* memory)
    : settings_(settings),
      groups_(groups),
      swap_(swap),
      owner_(owner),
      memory_(memory),
      lists_(memory == nullptr ? 1 : memory->nodes().size(),
             memory == nullptr ? 1 : memory->zones().size()),
      failures_(lists_.nodes()) {
  for (std::size_t i = 1; i < groups.size(); ++i) lists_.add_group();
  if (memory != nullptr) memory->set_pressure_handler(this);
}

// try_charge_memcg
bool Reclaimer::charge(GroupId group, std::uint64_t pages, const ChargeWish& wish,
                       std::uint32_t cpu) {
  unsigned rounds = kMostRounds;
  bool drained = false;
  bool may_swap = true;
  while (const auto obstacle = groups_.try_charge(group, pages, cpu)) {
    // Who reclaims may exceed a limit for a while.
    if (busy_) {
      groups_.charge_anyway(group, pages);
      return true;
    }
    if (!wish.reclaims) return false;
    if (obstacle->with_swap) may_swap = false;
    ++groups_.events(obstacle->group).max;
    const std::uint64_t freed = reclaim_group(obstacle->group, pages, may_swap);
    if (groups_.margin(obstacle->group) >= pages) continue;
    if (!drained) {
      groups_.drain(obstacle->group);
      drained = true;
      continue;
    }
    if (wish.one_try) return false;
    if (freed != 0 && pages <= kCostlyPages) continue;
    if (rounds != 0) {
      --rounds;
      continue;
    }
    if (wish.may_fail || wish.order > kCostlyOrder) return false;
    ++groups_.events(obstacle->group).oom;
    const unsigned swappiness = groups_.swappiness(obstacle->group, settings_.swappiness);
    if (!kill_somebody(obstacle->group,
                       groups_.total(obstacle->group, swap_.total(), swappiness))) {
      return false;
    }
    ++groups_.events(obstacle->group).oom_kill;
    ++counts_.group_kills;
    rounds = kMostRounds;
  }
  if (!busy_) reclaim_above_high(group, std::max(pages, kChargeBatch));
  return true;
}

void Reclaimer::uncharge(GroupId group, std::uint64_t pages, std::uint32_t cpu) {
  groups_.uncharge(group, pages, cpu);
}

// reclaim_high, on the way back to the process.
void Reclaimer::reclaim_above_high(GroupId group, std::uint64_t charged) {
  for (GroupId id = group; id != kRootGroup; id = groups_.parent(id)) {
    if (groups_.memory(id).pages <= groups_.limits(id).high) continue;
    ++groups_.events(id).high;
    ++counts_.high_reclaims;
    reclaim_group(id, charged);
  }
}

std::uint64_t Reclaimer::reclaim_group(GroupId group, std::uint64_t pages, bool may_swap) {
  ++counts_.group_runs;
  Scan scan = {.wanted = std::max(pages, kClusterPages),
               .top = group,
               .for_limit = true,
               .may_swap = may_swap};
  std::vector<std::size_t> nodes(lists_.nodes());
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = i;
  return free_up(scan, nodes);
}

void Reclaimer::remove(PageId id) {
  const Page page = lists_.page(id);
  lists_.remove(id);
  groups_.uncharge(page.group, page.pages(), 0);
  if (page.swap_cached) free_swap(page, page.slot);
}

void Reclaimer::unlock(PageId id) {
  if (lists_.list_of(id) != ListKind::Unevictable) return;
  lists_.put(id, inactive_list(lists_.page(id).file()));
}

void Reclaimer::free_swap(const Page& page, SwapSlot slot) {
  swap_.give(slot, page.pages());
  groups_.unswap(page.group, page.pages());
  swap_changed();
}

std::optional<PageId> Reclaimer::swap_in(const Page& page, const Evicted& left, std::uint32_t cpu) {
  FT_CHECK(left.to_swap);
  if (!charge(page.group, page.pages(), {.order = page.order}, cpu)) return std::nullopt;
  free_swap(page, left.slot);
  Page back = page;
  back.swap_cached = false;
  back.young = true;
  return add_returned(back, left.shadow);
}

std::optional<PageId> Reclaimer::read_back(const Page& page, const Evicted& left,
                                           std::uint32_t cpu) {
  FT_CHECK(!left.to_swap);
  if (!charge(page.group, page.pages(), {.order = page.order}, cpu)) return std::nullopt;
  Page back = page;
  back.young = true;
  return add_returned(back, left.shadow);
}

void Reclaimer::swap_changed() {
  const std::uint64_t pages = swap_.memory_pages();
  if (pages == compressed_pages_) return;
  compressed_pages_ = pages;
  const bool was_busy = busy_;
  busy_ = true;
  owner_.compressed_memory(pages);
  busy_ = was_busy;
}

// try_to_free_pages
std::uint64_t Reclaimer::reclaim(phys::Memory& memory, const phys::Request& request,
                                 std::uint64_t target) {
  FT_CHECK(&memory == memory_);
  if (busy_) return 0;
  ++counts_.direct_runs;
  Scan scan = {.wanted = target, .highest = request.highest, .order = request.order};
  const phys::NodeId first = request.node.value_or(memory.node());
  std::vector<std::size_t> nodes;
  const phys::Node* start = memory.find_node(first);
  for (const phys::Zone* zone : (start != nullptr ? *start : memory.nodes().front()).zonelist) {
    if (zone->kind() > request.highest || !request.nodes.contains(zone->node())) continue;
    std::size_t node = 0;
    while (memory.nodes()[node].id != zone->node()) ++node;
    if (std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
  }
  return free_up(scan, nodes);
}

// Moving pages together is not modelled: there is never a block that was not there before.
phys::Compaction Reclaimer::compact(phys::Memory& /*memory*/, const phys::Request& /*request*/) {
  return phys::Compaction::Skipped;
}

std::uint64_t Reclaimer::reclaimable(const phys::Zone& zone) const {
  std::uint64_t pages = lists_.zone_size(zone.index(), ListKind::InactiveFile) +
                        lists_.zone_size(zone.index(), ListKind::ActiveFile);
  if (swap_.free() > 0) {
    pages += lists_.zone_size(zone.index(), ListKind::InactiveAnonymous) +
             lists_.zone_size(zone.index(), ListKind::ActiveAnonymous);
  }
  // "If there are no reclaimable file-backed or anonymous pages": free ones count twice then.
  return pages != 0 ? pages : zone.free_pages();
}

bool Reclaimer::worth_retrying(phys::Memory& memory, const phys::Request& request) {
  for (const auto& zone : memory.zones()) {
    if (zone->kind() > request.highest || !request.nodes.contains(zone->node())) continue;
    const std::uint64_t available = zone->free_pages() + reclaimable(*zone);
    const std::uint64_t least =
        zone->mark(phys::Mark::Min) + zone->reserve()[phys::index_of(request.highest)] +
        ((std::uint64_t{1} << request.order) - 1) + zone->buddy().free_high_atomic();
    if (available <= least) continue;
    if (request.order == 0 || zone->buddy().has_block(request.order, false)) return true;
  }
  return false;
}

bool Reclaimer::out_of_memory(phys::Memory& memory, const phys::Request& /*request*/) {
  if (busy_) return false;
  if (!kill_somebody(kRootGroup, memory.managed_pages() + swap_.total())) return false;
  ++counts_.kills;
  return true;
}

bool Reclaimer::kill_somebody(GroupId group, std::uint64_t total_pages) {
  const std::vector<OomCandidate> candidates = owner_.processes(group);
  const OomChoice choice = choose_victim(candidates, total_pages);
  if (choice.verdict != OomVerdict::Kill) return choice.verdict == OomVerdict::Wait;
  owner_.kill(candidates[choice.victim].pid, group);
  return true;
}

void Reclaimer::check() const {
  groups_.check();
  swap_.check();
  lists_.check();
  FT_CHECK(failures_.size() == lists_.nodes());
  FT_CHECK(!busy_);
  FT_CHECK(compressed_pages_ == swap_.memory_pages());
}

}  // namespace ft::sim::reclaim
