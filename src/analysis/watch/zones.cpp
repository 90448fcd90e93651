#include "analysis/watch/zones.h"

#include <algorithm>

#include "base/units.h"

namespace ft::analysis {

namespace {

using report::model::ZoneView;

constexpr std::int64_t kThousand = 1000;

// The kernel's numbers fit into 64 bits; a hostile file's products may not.
__extension__ using Wide = unsigned __int128;

// What fill_contig_page_info() gathers. Sums that no host can reach stop at the largest number.
struct FreeSummary {
  std::uint64_t pages = 0;
  std::uint64_t blocks = 0;
  std::uint64_t suitable = 0;  // blocks of the order asked for, that larger ones could be cut into
};

std::uint64_t add_shifted(std::uint64_t sum, std::uint64_t blocks, std::size_t shift) {
  std::uint64_t more = 0;
  if (__builtin_mul_overflow(blocks, std::uint64_t{1} << shift, &more)) return UINT64_MAX;
  return __builtin_add_overflow(sum, more, &sum) ? UINT64_MAX : sum;
}

FreeSummary summary_of(std::span<const std::uint64_t> blocks_by_order, unsigned order) {
  FreeSummary summary;
  for (std::size_t n = 0; n < blocks_by_order.size() && n < 64; ++n) {
    summary.pages = add_shifted(summary.pages, blocks_by_order[n], n);
    summary.blocks = add_shifted(summary.blocks, blocks_by_order[n], 0);
    if (n >= order) summary.suitable = add_shifted(summary.suitable, blocks_by_order[n], n - order);
  }
  return summary;
}

// Where `zone` stands among its node's zones, as the kernel's enum zone_type counts: zoneinfo
// prints the empty ones too.
std::size_t reserve_class(std::span<const host::Zone> zones, std::uint32_t node) {
  std::size_t position = 0;
  std::size_t last_used = 0;
  for (const host::Zone& zone : zones) {
    if (zone.node != node) continue;
    // User pages may come from Movable and below. Device memory is not handed out.
    if (zone.name == "Movable") return position;
    if (zone.name != "Device") last_used = position;
    ++position;
  }
  return last_used;
}

ZoneView view_of(const host::Zone& zone, std::size_t reserve_class) {
  ZoneView view;
  view.node = zone.node;
  view.name = zone.name;
  const auto bytes = [](std::uint64_t pages) { return pages * kPageSize; };
  view.managed = bytes(zone.managed);
  view.free = bytes(zone.free);
  view.min = bytes(zone.min);
  view.low = bytes(zone.low);
  view.high = bytes(zone.high);
  view.boost = bytes(zone.boost);
  for (const host::PageSet& set : zone.page_sets) view.on_cpu_lists += bytes(set.count);
  if (reserve_class < zone.protection.size()) view.reserve = bytes(zone.protection[reserve_class]);
  return view;
}

void add_free_lists(std::span<const host::FreeBlocks> free_blocks, ZoneView& view) {
  for (const host::FreeBlocks& blocks : free_blocks) {
    if (blocks.node != view.node || blocks.zone != view.name) continue;
    view.free_blocks = blocks.blocks_by_order;
    for (unsigned order = 0; order < blocks.blocks_by_order.size(); ++order) {
      const auto share = [](std::int64_t thousandths) {
        return static_cast<double>(thousandths) / kThousand;
      };
      view.fragmentation.push_back(share(fragmentation_index(blocks.blocks_by_order, order)));
      view.unusable.push_back(share(unusable_index(blocks.blocks_by_order, order)));
    }
    return;
  }
}

}  // namespace

std::int64_t fragmentation_index(std::span<const std::uint64_t> blocks_by_order, unsigned order) {
  const FreeSummary free = summary_of(blocks_by_order, order);
  if (free.blocks == 0 || order >= 64) return 0;
  if (free.suitable != 0) return -kThousand;
  const auto requested = static_cast<Wide>(1) << order;
  const Wide per_request = static_cast<Wide>(free.pages) * kThousand / requested;
  return kThousand - static_cast<std::int64_t>((kThousand + per_request) / free.blocks);
}

std::int64_t unusable_index(std::span<const std::uint64_t> blocks_by_order, unsigned order) {
  const FreeSummary free = summary_of(blocks_by_order, order);
  if (free.pages == 0 || order >= 64) return kThousand;
  const auto usable = static_cast<Wide>(free.suitable) << order;
  if (usable >= free.pages) return 0;
  return static_cast<std::int64_t>((free.pages - usable) * kThousand / free.pages);
}

std::vector<ZoneView> zone_views(std::span<const host::Zone> zones,
                                 std::span<const host::FreeBlocks> free_blocks) {
  std::vector<ZoneView> views;
  for (const host::Zone& zone : zones) {
    if (zone.managed == 0) continue;
    ZoneView view = view_of(zone, reserve_class(zones, zone.node));
    add_free_lists(free_blocks, view);
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace ft::analysis
