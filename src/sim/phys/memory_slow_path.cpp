// What a request does that found no zone above its low watermark: mm/page_alloc.c
// __alloc_pages_slowpath.
#include "sim/phys/memory.h"

namespace ft::sim::phys {

namespace {

constexpr unsigned kMostRounds = 16;          // MAX_RECLAIM_RETRIES
constexpr std::uint64_t kReclaimTarget = 32;  // SWAP_CLUSTER_MAX

// gfp_to_alloc_flags
Privileges privileges_of(const Request& request) {
  Privileges privileges = {.min_reserve = request.high, .oom_victim = request.oom_victim};
  if (!request.reclaims && !request.spares_reserves) {
    privileges.non_blocking = true;
    privileges.high_atomic = request.order > 0 && request.high;
  }
  return privileges;
}

}  // namespace

std::optional<Pfn> Memory::slow_path(const Request& request, const Route& route) {
  ++events_.slow_path;
  const Privileges privileges = privileges_of(request);
  const bool costly = request.order > kCostlyOrder;

  if (request.wakes_kswapd) wake_kswapds(request, route);
  if (const auto first =
          from_free_lists(request, route, Mark::Min, Fragmenting::Allowed, privileges)) {
    return first;
  }
  if (!request.reclaims) return std::nullopt;

  // There are probably enough small pages for a large block: try to move them together first.
  if (costly || (request.order > 0 && request.type != MigrateType::Movable)) {
    Compaction outcome = Compaction::Skipped;
    if (const auto first = compact_and_retry(request, route, privileges, outcome)) return first;
    if (costly && request.one_try && (outcome == Compaction::Skipped || request.this_node_only)) {
      return std::nullopt;
    }
  }

  unsigned idle_rounds = 0;
  while (true) {
    if (request.wakes_kswapd) wake_kswapds(request, route);
    bool progress = false;
    if (const auto first = reclaim_and_retry(request, route, privileges, progress)) return first;
    if (request.order > 0) {
      Compaction outcome = Compaction::Skipped;
      if (const auto first = compact_and_retry(request, route, privileges, outcome)) return first;
    }
    if (request.one_try || (costly && !request.may_fail)) return std::nullopt;

    idle_rounds = progress && !costly ? 0 : idle_rounds + 1;
    const bool out_of_rounds = idle_rounds > kMostRounds;
    if (!out_of_rounds && pressure_->worth_retrying(*this, request)) continue;
    if (out_of_rounds && unreserve_high_atomic(request, route, true)) continue;

    // __alloc_pages_may_oom: not for whoever can do without.
    if (costly || request.this_node_only || request.may_fail) return std::nullopt;
    if (const auto first = from_free_lists(request, route, Mark::High, Fragmenting::Allowed, {})) {
      return first;
    }
    ++events_.out_of_memory;
    if (!pressure_->out_of_memory(*this, request)) return std::nullopt;
    idle_rounds = 0;
  }
}

// __alloc_pages_direct_reclaim
std::optional<Pfn> Memory::reclaim_and_retry(const Request& request, const Route& route,
                                             const Privileges& privileges, bool& progress) {
  ++events_.direct_reclaims;
  progress = pressure_->reclaim(*this, request, kReclaimTarget) != 0;
  if (!progress) return std::nullopt;
  if (const auto first =
          from_free_lists(request, route, Mark::Min, Fragmenting::Allowed, privileges)) {
    return first;
  }
  // What was freed may lie on lists of CPUs, or be kept for others.
  unreserve_high_atomic(request, route, false);
  ++events_.cpu_list_drains;
  for (const auto& zone : zones_) zone->drain_cpu_lists();
  return from_free_lists(request, route, Mark::Min, Fragmenting::Allowed, privileges);
}

std::optional<Pfn> Memory::compact_and_retry(const Request& request, const Route& route,
                                             const Privileges& privileges, Compaction& outcome) {
  outcome = pressure_->compact(*this, request);
  if (outcome == Compaction::Skipped) return std::nullopt;
  ++events_.compactions;
  return from_free_lists(request, route, Mark::Min, Fragmenting::Allowed, privileges);
}

// wake_all_kswapds: one zone of each node.
void Memory::wake_kswapds(const Request& request, const Route& route) {
  const Zone* last = nullptr;
  for (Zone* zone : *route.zones) {
    if (zone->kind() > request.highest || !request.nodes.contains(zone->node())) continue;
    if (last == nullptr || last->node() != zone->node()) {
      pressure_->wake_kswapd(*this, *zone, request);
    }
    last = zone;
  }
}

bool Memory::unreserve_high_atomic(const Request& request, const Route& route, bool force) {
  for (Zone* zone : *route.zones) {
    if (zone->kind() > request.highest || !request.nodes.contains(zone->node())) continue;
    if (zone->unreserve_high_atomic(request.type, force)) return true;
  }
  return false;
}

}  // namespace ft::sim::phys
