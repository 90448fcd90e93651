// How a Memory comes about: zones and nodes from a start, free blocks put in place.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "sim/phys/memory.h"

namespace ft::sim::phys {

namespace {

// Whole blocks of the largest order, so that buddies are always described.
std::uint64_t frames_of(const MemoryStart& start) {
  Pfn end = kFirstUsable + 1;
  for (const ZoneStart& zone : start.zones) end = std::max(end, zone.shape.span.end);
  return (end + kMaxBlockPages - 1) / kMaxBlockPages * kMaxBlockPages;
}

std::vector<ZoneSize> sizes_of(const MemoryStart& start) {
  std::vector<ZoneSize> sizes;
  for (const ZoneStart& zone : start.zones) {
    sizes.push_back({zone.shape.node, zone.shape.kind, zone.shape.managed});
  }
  return sizes;
}

// cpumask_of_node, or all CPUs where it is empty.
std::uint64_t cpus_sharing(const MemoryStart& start, NodeId node) {
  const auto own = static_cast<std::uint64_t>(std::ranges::count(start.node_of_cpu, node));
  return own != 0 ? own : start.node_of_cpu.size();
}

}  // namespace

Memory::Memory(const MemoryStart& start)
    : FrameSource(frames_of(start)), blocks_(frames_of(start)), node_of_cpu_(start.node_of_cpu) {
  make_zones(start);
  make_nodes(start);
}

Result<std::unique_ptr<Memory>> Memory::make(const MemoryStart& start) {
  FT_TRY_VOID(start.validate());
  std::unique_ptr<Memory> memory(new Memory(start));
  FT_TRY_VOID(memory->fill(start));
  memory->set_cpu(0);
  return memory;
}

void Memory::make_zones(const MemoryStart& start) {
  const std::vector<ZoneSize> sizes = sizes_of(start);
  min_free_kbytes_ = phys::min_free_kbytes(sizes, start.settings);
  const auto marks =
      zone_watermarks(sizes, min_free_kbytes_, start.settings.watermark_scale_factor);
  const auto reserves = lowmem_reserves(sizes, start.settings.lowmem_reserve_ratio);
  for (std::size_t i = 0; i < start.zones.size(); ++i) {
    const ZoneStart& zone = start.zones[i];
    const Watermarks own = zone.marks.value_or(marks[i]);
    const CpuListLimits limits =
        cpu_list_limits(zone.shape.managed, own.low, cpus_sharing(start, zone.shape.node),
                        start.rules.tunes_cpu_lists);
    zones_.push_back(std::make_unique<Zone>(
        frames(), blocks_, static_cast<ZoneIndex>(i), zone.shape, own, reserves[i],
        start.settings.watermark_boost_factor, limits, cpus(), start.rules));
  }
}

void Memory::make_nodes(const MemoryStart& start) {
  NodeMask with_memory;
  for (const auto& zone : zones_) with_memory.set(zone->node());
  NodeMask all = with_memory;
  for (const NodeId node : node_of_cpu_) all.set(node);

  index_of_node_.assign(kMostNodes, kMostNodes);
  for (NodeId id = 0; id < kMostNodes; ++id) {
    if (!all.contains(id)) continue;
    index_of_node_[id] = nodes_.size();
    Node& node = nodes_.emplace_back();
    node.id = id;
    node.cpus = static_cast<std::uint64_t>(std::ranges::count(node_of_cpu_, id));
    for (const auto& zone : zones_) {
      if (zone->node() == id) node.zones.push_back(zone.get());
    }
    std::ranges::sort(node.zones, {}, [](const Zone* zone) { return zone->kind(); });
    node.own_list.assign(node.zones.rbegin(), node.zones.rend());
  }
  for (Node& node : nodes_) {
    std::vector<NodeId> order;
    if (!start.fallback_order.empty()) {
      order = start.fallback_order[node.id];
    } else {
      NodeId next = with_memory.contains(node.id) ? node.id : with_memory.next_around(node.id);
      for (unsigned i = 0; i < with_memory.size(); ++i, next = with_memory.next_around(next)) {
        order.push_back(next);
      }
    }
    for (const NodeId id : order) {
      const std::vector<Zone*>& list = node_for(id).own_list;
      node.zonelist.insert(node.zonelist.end(), list.begin(), list.end());
    }
  }
  // alloc_flags_nofragment: types are kept apart in Normal where DMA32 can take what does not fit.
  for (const auto& zone : zones_) {
    const bool spare = std::ranges::any_of(node_for(zone->node()).zones, [](const Zone* other) {
      return other->kind() == ZoneKind::Dma32;
    });
    avoids_fragmenting_.push_back(zone->kind() == ZoneKind::Normal &&
                                  (with_memory.size() == 1 || spare));
  }
}

Result<void> Memory::fill(const MemoryStart& start) {
  for (std::size_t i = 0; i < start.zones.size(); ++i) {
    const ZoneStart& zone_start = start.zones[i];
    Zone& zone = *zones_[i];
    const BlockLayout layout = FT_TRY(lay_out(zone_start));
    for (const PlacedBlock& block : layout.blocks) {
      zone.buddy().add(block.first, block.order, block.type);
    }
    if (layout.untouched) zone.buddy().add_untouched(*layout.untouched);
    Pfn next = layout.in_use.start;
    for (const CpuListStart& list : zone_start.cpu_lists) {
      PerCpuLists& lists = zone.cpu_lists(list.cpu);
      for (std::uint64_t n = 0; n < list.pages && next < layout.in_use.end; ++n)
        lists.stock(next++);
      if (list.high != 0) lists.set_high(list.high);
    }
  }
  return {};
}

std::uint64_t Memory::fragment(double share) {
  share = std::clamp(share, 0.0, 1.0);
  std::uint64_t pinned = 0;
  for (const auto& zone : zones_) {
    BuddyAllocator& buddy = zone->buddy();
    double due = 0;
    const PfnRange span = zone->shape().span;
    for (Pfn start = head_of(span.start + kPageblockPages - 1, kPageblockOrder);
         start + kPageblockPages <= span.end; start += kPageblockPages) {
      if (!buddy.is_free_pageblock(start)) continue;
      due += share;
      if (due < 1.0) continue;
      due -= 1.0;
      const Pfn pfn = start + kPageblockPages / 2;
      FT_CHECK(buddy.take_exactly(pfn));
      frames()[pfn].kind = FrameKind::Reserved;
      ++pinned;
    }
  }
  return pinned;
}

}  // namespace ft::sim::phys
