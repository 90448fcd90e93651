#include "sim/replay/host_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace ft::sim::replay {

namespace {

using phys::MigrateType;

std::optional<phys::ZoneKind> kind_of(std::string_view name) {
  for (unsigned kind = 0; kind < phys::kZoneKinds; ++kind) {
    if (name == phys::name_of(static_cast<phys::ZoneKind>(kind))) {
      return static_cast<phys::ZoneKind>(kind);
    }
  }
  return std::nullopt;
}

// CMA and Isolate have no lists of their own in the model: pages there serve movable requests, or
// none.
std::optional<MigrateType> type_of(std::string_view name) {
  constexpr std::array kNames = {
      std::pair{std::string_view("Unmovable"), MigrateType::Unmovable},
      std::pair{std::string_view("Movable"), MigrateType::Movable},
      std::pair{std::string_view("Reclaimable"), MigrateType::Reclaimable},
      std::pair{std::string_view("HighAtomic"), MigrateType::HighAtomic},
      std::pair{std::string_view("CMA"), MigrateType::Movable}};
  for (const auto& [known, type] : kNames) {
    if (name == known) return type;
  }
  return std::nullopt;
}

Result<void> add_blocks(const std::vector<std::uint64_t>& by_order, std::uint32_t node,
                        const std::string& zone, std::array<std::uint64_t, phys::kOrders>& sum) {
  for (std::size_t order = 0; order < by_order.size(); ++order) {
    if (by_order[order] == 0) continue;
    if (order >= phys::kOrders) {
      return fail(fmt::format("free blocks of node {}, zone {}", node, zone),
                  fmt::format("order {}; the model has orders 0 to {}", order, phys::kMaxOrder));
    }
    sum[order] += by_order[order];
  }
  return {};
}

Result<phys::BlockCounts> free_of(const host::Zone& zone, std::span<const host::FreeBlocks> blocks,
                                  const host::PageTypeInfo* types) {
  phys::BlockCounts counts = {};
  if (types) {
    for (const host::TypedFreeBlocks& row : types->free_blocks) {
      if (row.node != zone.node || row.zone != zone.name) continue;
      const std::optional<MigrateType> type = type_of(row.migratetype);
      if (!type) continue;
      FT_TRY_VOID(
          add_blocks(row.blocks_by_order, row.node, row.zone, counts[phys::index_of(*type)]));
    }
    return counts;
  }
  for (const host::FreeBlocks& row : blocks) {
    if (row.node != zone.node || row.zone != zone.name) continue;
    FT_TRY_VOID(add_blocks(row.blocks_by_order, row.node, row.zone,
                           counts[phys::index_of(MigrateType::Movable)]));
  }
  return counts;
}

}  // namespace

Result<phys::MemoryStart> host_memory(std::span<const host::Zone> zones,
                                      std::span<const host::FreeBlocks> blocks,
                                      const host::PageTypeInfo* types,
                                      std::vector<phys::NodeId> node_of_cpu,
                                      const phys::WatermarkSettings& settings,
                                      phys::AllocatorRules rules) {
  phys::MemoryStart start;
  start.node_of_cpu = std::move(node_of_cpu);
  start.settings = settings;
  start.rules = rules;
  for (const host::Zone& zone : zones) {
    if (zone.managed == 0) continue;  // Movable, Device: there only by name
    const std::string what = fmt::format("node {}, zone {}", zone.node, zone.name);
    const auto kind = kind_of(zone.name);
    if (!kind) return fail(what, "the model has no such zone");
    if (!zone.start_pfn) return fail(what, "it does not say where it starts");
    if (zone.spanned > phys::kMostFrames || *zone.start_pfn > phys::kMostFrames) {
      return fail(what, "it reaches beyond the memory that the model takes");
    }
    phys::ZoneStart& added = start.zones.emplace_back();
    added.shape = {.node = zone.node,
                   .kind = *kind,
                   .span = {*zone.start_pfn, *zone.start_pfn + zone.spanned},
                   .present = zone.present,
                   .managed = zone.managed};
    added.all_free = false;
    added.free = FT_TRY(free_of(zone, blocks, types));
    added.marks = phys::Watermarks{.min = zone.min - std::min(zone.boost, zone.min),
                                   .low = zone.low - std::min(zone.boost, zone.low),
                                   .high = zone.high - std::min(zone.boost, zone.high),
                                   .promo = zone.promo - std::min(zone.boost, zone.promo),
                                   .boost = zone.boost};
    for (const host::PageSet& set : zone.page_sets) {
      added.cpu_lists.push_back({.cpu = set.cpu, .pages = set.count, .high = set.high});
    }
  }
  FT_TRY_VOID(start.validate());
  return start;
}

}  // namespace ft::sim::replay
