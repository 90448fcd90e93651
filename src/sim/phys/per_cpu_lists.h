// PerCpuLists is one CPU's stock of free blocks of one zone, of orders 0 to 3 and 9, from which
// requests are met without looking at the zone: struct per_cpu_pages. For the zone these blocks are
// in use.
#pragma once

#include <array>
#include <cstdint>

#include "sim/phys/buddy_allocator.h"
#include "sim/phys/free_list.h"
#include "sim/phys/migrate_type.h"
#include "sim/phys/rules.h"
#include "sim/phys/watermarks.h"

namespace ft::sim::phys {

// pcp_allowed_order
constexpr bool has_cpu_list(unsigned order) {
  return order <= kCostlyOrder || order == kPageblockOrder;
}

// What of the state of a zone decides how much a CPU may keep (enum zone_flags).
struct ZonePressure {
  bool below_high = false;      // ZONE_BELOW_HIGH
  bool reclaim_active = false;  // ZONE_RECLAIM_ACTIVE
};

struct CpuListEvents {
  std::uint64_t refills = 0;
  std::uint64_t refilled_pages = 0;  // mm_page_alloc_zone_locked with percpu_refill=1, in pages
  std::uint64_t drained_pages = 0;   // mm_page_pcpu_drain, in pages
};

class PerCpuLists {
 public:
  // `large_cache`: a slice of the last-level cache holds more than three batches, so that bursts of
  // freed blocks are only drained once they are a batch (PCPF_FREE_HIGH_BATCH).
  PerCpuLists(FrameTable& frames, BuddyAllocator& buddy, CpuListLimits limits, AllocatorRules rules,
              bool large_cache = true)
      : frames_(&frames),
        buddy_(&buddy),
        limits_(limits),
        rules_(rules),
        large_cache_(large_cache),
        high_(rules.tunes_cpu_lists ? 0 : limits.high_min) {}

  // A block, all zero. kNoFrame when the zone has nothing to refill the list with
  // (rmqueue_pcplist). REQUIRES: has_cpu_list(order), type has lists (is no HighAtomic).
  Pfn take(unsigned order, MigrateType type, Fragmenting fragmenting,
           const ZonePressure& pressure) {
    burst_ >>= 1U;  // of frees
    FreeList& list = lists_[index(order, type)];
    if (list.empty()) [[unlikely]] {
      refill(order, type, fragmenting, pressure);
      if (list.empty()) return kNoFrame;
    }
    count_ -= std::uint64_t{1} << order;
    return list.pop_front(*frames_);
  }

  // Whether it gave blocks back to the zone, whose state may be better then
  // (free_unref_page_commit). `type`: of its pageblock; the reserve's count as movable.
  // REQUIRES: the block is in use and of this zone.
  bool give(Pfn first, unsigned order, MigrateType type, const ZonePressure& pressure);
  // The same for one frame, which is nearly always.
  bool give_frame(Pfn pfn, MigrateType type, const ZonePressure& pressure) {
    if (!rules_.tunes_cpu_lists) return give(pfn, 0, type, pressure);
    refill_factor_ >>= 1U;
    const unsigned own = index(0, type == MigrateType::HighAtomic ? MigrateType::Movable : type);
    lists_[own].push_front(*frames_, pfn, {0, kOnPerCpuList});
    ++count_;
    const bool calm = !burst_of_high_order_ && !pressure.below_high && !pressure.reclaim_active;
    if (!calm || count_ >= high_) [[unlikely]]
      return drain_excess(0, own, pressure);
    if (burst_ < limits_.batch << kBatchScale) ++burst_;
    return false;
  }

  // Start: pages that are on the order-0 list of movable ones from the first.
  void stock(Pfn first) {
    lists_[index(0, MigrateType::Movable)].push_back(*frames_, first, {0, kOnPerCpuList});
    ++count_;
  }
  void set_high(std::uint64_t high) { high_ = high; }

  // Everything back to the zone (drain_pages_zone).
  void drain();
  // What the kernel does once a second: lets `high` sink, and drains what is above it
  // (decay_pcp_high).
  void decay();

  std::uint64_t count() const { return count_; }  // pages
  std::uint64_t high() const { return high_; }
  const CpuListLimits& limits() const { return limits_; }
  const CpuListEvents& events() const { return events_; }

  void check() const;  // expensive: each block described as on a list of this order; sums agree

 private:
  static constexpr unsigned kBatchScale = 5;  // CONFIG_PCP_BATCH_SCALE_MAX
  // Orders 0 to 3 by type, then order 9 not movable and movable.
  static constexpr unsigned kLowLists = (kCostlyOrder + 1) * kPcpTypes;
  static constexpr unsigned kLists = kLowLists + 2;

  static unsigned index(unsigned order, MigrateType type) {
    if (order > kCostlyOrder) return kLowLists + (type == MigrateType::Movable ? 1 : 0);
    return order * kPcpTypes + index_of(type);
  }
  static unsigned order_of(unsigned index) {
    return index >= kLowLists ? kPageblockOrder : index / kPcpTypes;
  }

  [[gnu::noinline]] void refill(unsigned order, MigrateType type, Fragmenting fragmenting,
                                const ZonePressure& pressure);
  std::uint64_t refill_blocks(unsigned order, const ZonePressure& pressure);
  [[gnu::noinline]] bool drain_excess(unsigned order, unsigned own, const ZonePressure& pressure);
  bool is_high_order_burst(unsigned order);
  std::uint64_t most_to_keep(bool high_order_burst, const ZonePressure& pressure);
  std::uint64_t pages_to_drain(std::uint64_t high, bool high_order_burst);
  void drain_pages(std::uint64_t pages, unsigned first_list);

  FrameTable* frames_;
  BuddyAllocator* buddy_;
  CpuListLimits limits_;
  AllocatorRules rules_;
  bool large_cache_;
  std::uint64_t count_ = 0;
  std::uint64_t high_;
  std::uint64_t burst_ = 0;           // free_count; free_factor of 6.1
  unsigned refill_factor_ = 0;        // alloc_factor
  bool burst_of_high_order_ = false;  // PCPF_PREV_FREE_HIGH_ORDER
  std::array<FreeList, kLists> lists_;
  CpuListEvents events_;
};

}  // namespace ft::sim::phys
