#include "sim/phys/zone.h"

#include <algorithm>

#include "base/check.h"

namespace ft::sim::phys {

const char* name_of(ZoneKind kind) {
  constexpr std::array kNames = {"DMA", "DMA32", "Normal", "Movable"};
  return kNames[index_of(kind)];
}

NumaCounters& NumaCounters::operator+=(const NumaCounters& other) {
  hit += other.hit;
  miss += other.miss;
  foreign += other.foreign;
  interleave_hit += other.interleave_hit;
  local_node += other.local_node;
  other_node += other.other_node;
  return *this;
}

Zone::Zone(FrameTable& frames, PageBlocks& blocks, ZoneIndex index, const ZoneShape& shape,
           Watermarks marks, LowmemReserve reserve, std::uint64_t boost_factor,
           CpuListLimits limits, std::uint64_t cpus, AllocatorRules rules)
    : shape_(shape),
      index_(index),
      blocks_(blocks),
      marks_(marks),
      reserve_(reserve),
      buddy_(frames, blocks, index, shape.span, shape.managed, marks_, boost_factor, rules) {
  cpu_lists_.reserve(cpus);
  for (std::uint64_t cpu = 0; cpu < cpus; ++cpu) {
    cpu_lists_.emplace_back(frames, buddy_, limits, rules);
  }
}

void Zone::give(Pfn first, unsigned order, std::uint32_t cpu) {
  if (!has_cpu_list(order)) {
    buddy_.give(first, order);
  } else if (cpu_lists_[cpu].give(first, order, blocks_.type_of(first), pressure_)) {
    note_drained();
  }
}

void Zone::note_drained() {
  if (pressure_.below_high && watermark_ok(0, Mark::High, ZoneKind::Movable, {})) {
    pressure_.below_high = false;
  }
}

std::uint64_t Zone::mark(Mark mark) const {
  switch (mark) {
    case Mark::Min:
      return marks_.min + marks_.boost;
    case Mark::Low:
      return marks_.low + marks_.boost;
    case Mark::High:
      return marks_.high + marks_.boost;
    case Mark::None:
      break;
  }
  return 0;
}

bool Zone::watermark_ok(unsigned order, Mark mark, ZoneKind highest,
                        const Privileges& privileges) const {
  if (mark == Mark::None) return true;
  const auto enough = [&](std::uint64_t mark_pages) {
    auto least = static_cast<std::int64_t>(mark_pages);
    if (privileges.min_reserve) {
      least -= least / 2;
      if (privileges.non_blocking) least -= least / 4;
    }
    if (privileges.oom_victim) least -= least / 2;
    auto usable = static_cast<std::int64_t>(buddy_.free_pages()) - ((std::int64_t{1} << order) - 1);
    if (!privileges.any()) usable -= static_cast<std::int64_t>(buddy_.free_high_atomic());
    if (usable <= least + static_cast<std::int64_t>(reserve_[index_of(highest)])) return false;
    return order == 0 || buddy_.has_block(order, privileges.high_atomic || privileges.oom_victim);
  };
  if (enough(this->mark(mark))) return true;
  // The boost is for kswapd; it does not keep urgent requests away (zone_watermark_fast).
  return order == 0 && privileges.min_reserve && marks_.boost != 0 && mark == Mark::Min &&
         enough(marks_.min);
}

void Zone::reserve_high_atomic(Pfn pfn, unsigned order) {
  const std::uint64_t hundredth = shape_.managed / 100;
  if (hundredth < kPageblockPages) return;
  const std::uint64_t most = (hundredth + kPageblockPages - 1) / kPageblockPages * kPageblockPages;
  if (high_atomic_pages_ >= most || !mergeable(blocks_.type_of(pfn))) return;
  if (order >= kPageblockOrder) {
    blocks_.set_types(pfn, order, MigrateType::HighAtomic);
    high_atomic_pages_ += std::uint64_t{1} << order;
  } else if (buddy_.move_pageblock(pfn, MigrateType::HighAtomic)) {
    high_atomic_pages_ += kPageblockPages;
  }
}

bool Zone::unreserve_high_atomic(MigrateType type, bool force) {
  if (high_atomic_pages_ == 0 || (!force && high_atomic_pages_ <= kPageblockPages)) return false;
  for (unsigned order = 0; order < kOrders; ++order) {
    const std::optional<Pfn> first = buddy_.front(order, MigrateType::HighAtomic);
    if (!first) continue;
    const std::uint64_t pages = std::max(kPageblockPages, std::uint64_t{1} << order);
    high_atomic_pages_ -= std::min(pages, high_atomic_pages_);
    return buddy_.move_pageblock(*first, type);
  }
  return false;
}

void Zone::drain_cpu_lists() {
  for (PerCpuLists& lists : cpu_lists_) lists.drain();
}

std::uint64_t Zone::pages_on_cpu_lists() const {
  std::uint64_t pages = 0;
  for (const PerCpuLists& lists : cpu_lists_) pages += lists.count();
  return pages;
}

std::uint64_t Zone::unusable_permille(unsigned order) const {
  const std::uint64_t free = buddy_.free_pages();
  if (free == 0) return 1000;
  std::uint64_t usable = 0;
  for (const auto& by_order : buddy_.block_counts()) {
    for (unsigned o = order; o < kOrders; ++o) usable += by_order[o] << o;
  }
  return (free - usable) * 1000 / free;
}

void Zone::check() const {
  buddy_.check();
  for (const PerCpuLists& lists : cpu_lists_) lists.check();
  FT_CHECK(buddy_.free_pages() + pages_on_cpu_lists() <= shape_.span.size());
  FT_CHECK(marks_.min <= marks_.low && marks_.low <= marks_.high && marks_.high <= marks_.promo);
}

}  // namespace ft::sim::phys
