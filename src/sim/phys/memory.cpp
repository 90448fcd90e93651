#include "sim/phys/memory.h"

#include <algorithm>

#include "base/check.h"

namespace ft::sim::phys {

namespace {

constexpr std::size_t index_of(FrameUse use) {
  return static_cast<std::size_t>(use);
}

}  // namespace

Request Memory::usual_request(unsigned order, FrameUse use) const {
  if (use == FrameUse::PageTable) return Request::kernel(order);
  Request request = Request::user(order);
  if (order == kHugeOrder && use == FrameUse::Anonymous) {  // GFP_TRANSHUGE and its lighter forms
    request.wakes_kswapd = huge_effort_ != HugeEffort::None;
    request.reclaims = huge_effort_ == HugeEffort::Reclaim;
    request.one_try = true;
    request.spares_reserves = true;
  } else if (order > kCostlyOrder) {
    request.one_try = true;
    request.spares_reserves = true;
  }
  return request;
}

[[gnu::always_inline]] inline Pfn Memory::allocate_at_once(FrameUse use) {
  Zone& zone = *first_zone_[index_of(use)];
  const bool table = use == FrameUse::PageTable;
  if (!zone.plenty(table ? ZoneKind::Normal : ZoneKind::Movable)) return kNoFrame;
  const Pfn first =
      zone.cpu_lists(cpu_).take(0, table ? MigrateType::Unmovable : MigrateType::Movable,
                                first_fragmenting_[index_of(use)], zone.pressure());
  if (first == kNoFrame) return kNoFrame;
  ++events_.allocations[0];
  ++zone.numa().hit;
  ++(first_is_local_[index_of(use)] ? zone.numa().local_node : zone.numa().other_node);
  if (zone.buddy().take_boosted()) [[unlikely]]
    pressure_->wake_kswapd(*this, zone, usual_request(0, use));
  return first;
}

MaybeFrame Memory::allocate(unsigned order, FrameUse use) {
  // What nearly every request comes to: the first zone has plenty, and the CPU has a list.
  if (placer_) return placer_->place(*this, order, use);
  const Pfn first = order == 0 ? allocate_at_once(use) : kNoFrame;
  if (first == kNoFrame) [[unlikely]]
    return allocate_by_request(order, use);
  return first;
}

MaybeFrame Memory::allocate_by_request(unsigned order, FrameUse use) {
  if (order > kMaxOrder) return allocate_gigantic(order);
  return request(usual_request(order, use));
}

std::optional<Pfn> Memory::allocate_gigantic(unsigned order) {
  for (Zone* zone : node_for(node()).zonelist) {
    if (const auto first = zone->buddy().take_gigantic(order)) {
      ++events_.gigantic;
      return first;
    }
  }
  return std::nullopt;
}

void Memory::free(Pfn first, unsigned order) {
  FT_CHECK(first < frames().size());
  const ZoneIndex zone = blocks_.zone_of(first);
  const Frame& frame = frames()[first];
  FT_CHECK(zone < zones_.size() && frame.kind != FrameKind::Free && frame.list == kOnNoList);
  if (order == 0) [[likely]] {
    ++events_.frees[0];
    zones_[zone]->give_frame(first, cpu_);
  } else {
    free_block(*zones_[zone], first, order);
  }
}

void Memory::free_block(Zone& zone, Pfn first, unsigned order) {
  if (order > kMaxOrder) {
    zone.buddy().give(first, order);
    return;
  }
  ++events_.frees[order];
  zone.give(first, order, cpu_);
}

Memory::Route Memory::route_of(const Request& request) const {
  const Node& node = node_for(request.node.value_or(this->node()));
  Route route;
  route.zones = request.this_node_only ? &node.own_list : &node.zonelist;
  for (Zone* zone : *route.zones) {
    if (zone->kind() <= request.highest && request.nodes.contains(zone->node())) {
      route.preferred = zone;
      break;
    }
  }
  return route;
}

std::optional<Pfn> Memory::request(const Request& request) {
  FT_CHECK(request.order <= kMaxOrder);
  const Route route = route_of(request);
  std::optional<Pfn> first;
  if (route.preferred) {
    first = from_free_lists(request, route, Mark::Low, fragmenting_in(*route.preferred), {});
    if (!first) first = slow_path(request, route);
  }
  ++(first ? events_.allocations : events_.failures)[request.order];
  return first;
}

// get_page_from_freelist
std::optional<Pfn> Memory::from_free_lists(const Request& request, const Route& route, Mark mark,
                                           Fragmenting fragmenting, const Privileges& privileges) {
  bool again = false;
  auto first = walk(request, route, mark, fragmenting, privileges, again);
  if (!first && (again || fragmenting == Fragmenting::Avoided)) {
    // Being near, or having anything at all, matters more than keeping types apart.
    fragmenting = Fragmenting::Allowed;
    first = walk(request, route, mark, fragmenting, privileges, again);
  }
  return first;
}

std::optional<Pfn> Memory::walk(const Request& request, const Route& route, Mark mark,
                                Fragmenting& fragmenting, const Privileges& privileges,
                                bool& again) {
  for (Zone* zone : *route.zones) {
    if (zone->kind() > request.highest || !request.nodes.contains(zone->node())) continue;
    if (fragmenting == Fragmenting::Avoided && zone->node() != route.preferred->node()) {
      again = true;
      return std::nullopt;
    }
    ZonePressure& pressure = zone->pressure();
    if (!pressure.below_high &&
        !zone->watermark_ok(request.order, Mark::High, request.highest, privileges)) {
      pressure.below_high = true;
    }
    if (pressure.below_high &&
        !zone->watermark_ok(request.order, mark, request.highest, privileges)) {
      continue;
    }
    const auto first = zone->take(request.order, request.type, fragmenting, privileges, cpu_);
    if (zone->buddy().take_boosted() && request.wakes_kswapd) {
      pressure_->wake_kswapd(*this, *zone, request);
    }
    if (!first) continue;
    count_statistics(*zone, *route.preferred);
    if (privileges.high_atomic) zone->reserve_high_atomic(*first, request.order);
    return first;
  }
  return std::nullopt;
}

void Memory::set_cpu(std::uint32_t cpu) {
  FT_CHECK(cpu < cpus());
  cpu_ = cpu;
  for (const FrameUse use : {FrameUse::PageTable, FrameUse::Anonymous, FrameUse::PageCache}) {
    const Route route = route_of(usual_request(0, use));
    FT_CHECK(route.preferred != nullptr);
    first_zone_[index_of(use)] = route.preferred;
    first_is_local_[index_of(use)] = route.preferred->node() == node();
    first_fragmenting_[index_of(use)] = fragmenting_in(*route.preferred);
  }
}

void Memory::set_pressure_handler(PressureHandler* handler) {
  pressure_ = handler ? handler : &no_pressure_;
}

const Node* Memory::find_node(NodeId id) const {
  if (id >= index_of_node_.size() || index_of_node_[id] >= nodes_.size()) return nullptr;
  return &nodes_[index_of_node_[id]];
}

std::uint64_t Memory::free_pages() const {
  std::uint64_t pages = 0;
  for (const auto& zone : zones_) pages += zone->free_pages();
  return pages;
}

std::uint64_t Memory::managed_pages() const {
  std::uint64_t pages = 0;
  for (const auto& zone : zones_) pages += zone->shape().managed;
  return pages;
}

NumaCounters Memory::numa(NodeId node) const {
  NumaCounters sum;
  for (const auto& zone : zones_) {
    if (zone->node() == node) sum += zone->numa();
  }
  return sum;
}

std::uint64_t Memory::fixed_bytes() const {
  return blocks_.bytes() + zones_.size() * (sizeof(Zone) + cpus() * sizeof(PerCpuLists)) +
         sizeof(*this);
}

void Memory::check() const {
  std::uint64_t allocations = 0;
  NumaCounters all;
  for (const auto& zone : zones_) {
    zone->check();
    all += zone->numa();
  }
  for (const std::uint64_t blocks : events_.allocations) allocations += blocks;
  FT_CHECK(all.hit + all.miss == allocations && all.miss == all.foreign);
  FT_CHECK(all.local_node + all.other_node == allocations);
}

}  // namespace ft::sim::phys
