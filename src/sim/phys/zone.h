// Zone is a stretch of a node's memory that is watched and reclaimed as one: its free memory, the
// lists of its CPUs, its watermarks and counters (struct zone).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/phys/buddy_allocator.h"
#include "sim/phys/node_mask.h"
#include "sim/phys/per_cpu_lists.h"
#include "sim/phys/watermarks.h"

namespace ft::sim::phys {

// include/linux/mmzone.h, by the names of /proc/zoneinfo: "DMA32".
const char* name_of(ZoneKind kind);

struct ZoneShape {
  NodeId node = 0;
  ZoneKind kind = ZoneKind::Normal;
  PfnRange span;              // holes included
  std::uint64_t present = 0;  // without holes
  std::uint64_t managed = 0;  // without what the kernel keeps for itself
};

// Which watermark a request must not go below.
enum class Mark : std::uint8_t { Min, Low, High, None };

// What a request may do beyond the usual (enum of mm/internal.h ALLOC_*).
struct Privileges {
  bool min_reserve = false;   // __GFP_HIGH: half of what is below the low watermark's minimum
  bool non_blocking = false;  // cannot wait: a quarter more of it
  bool high_atomic = false;   // the pageblocks kept for atomic requests
  bool oom_victim = false;    // is about to free all it has

  bool any() const { return min_reserve || non_blocking || high_atomic || oom_victim; }
};

// Requests, not pages: one of order 9 counts once (zone_statistics).
struct NumaCounters {
  std::uint64_t hit = 0;             // here, and here was preferred
  std::uint64_t miss = 0;            // here, though another node was preferred
  std::uint64_t foreign = 0;         // elsewhere, though here was preferred
  std::uint64_t interleave_hit = 0;  // here, as interleaving wanted
  std::uint64_t local_node = 0;      // for a CPU of this node
  std::uint64_t other_node = 0;      // for a CPU of another node

  NumaCounters& operator+=(const NumaCounters& other);
  bool operator==(const NumaCounters&) const = default;
};

class Zone {
 public:
  // `cpus`: of the machine; the lists of each get `limits`. `frames` and `blocks` outlive the zone.
  Zone(FrameTable& frames, PageBlocks& blocks, ZoneIndex index, const ZoneShape& shape,
       Watermarks marks, LowmemReserve reserve, std::uint64_t boost_factor, CpuListLimits limits,
       std::uint64_t cpus, AllocatorRules rules);
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

  // rmqueue: from the CPU's list where its order has one, else from the buddy allocator.
  std::optional<Pfn> take(unsigned order, MigrateType type, Fragmenting fragmenting,
                          const Privileges& privileges, std::uint32_t cpu);
  // REQUIRES: the block is in use and of this zone.
  void give(Pfn first, unsigned order, std::uint32_t cpu);
  void give_frame(Pfn pfn, std::uint32_t cpu);  // the same for order 0

  // Whether a request leaves at least the mark and the reserve free, and a block is there that is
  // large enough (__zone_watermark_ok). `highest`: the highest kind of zone that the request may
  // use.
  bool watermark_ok(unsigned order, Mark mark, ZoneKind highest,
                    const Privileges& privileges) const;
  // The same for the common case, at a glance: order 0 or a list per CPU, no privileges.
  bool plenty(ZoneKind highest) const {
    return !pressure_.below_high && buddy_.free_pages() > marks_.high + marks_.boost +
                                                              reserve_[index_of(highest)] +
                                                              buddy_.free_high_atomic();
  }
  std::uint64_t mark(Mark mark) const;

  // Keeps the pageblock of an atomic request of higher order for others like it
  // (reserve_highatomic_pageblock).
  void reserve_high_atomic(Pfn pfn, unsigned order);
  // Gives one such pageblock back to `type`; `force`: the last one too.
  bool unreserve_high_atomic(MigrateType type, bool force);

  void drain_cpu_lists();
  // Of free memory, the thousandths that lie in blocks too small for `order`
  // (mm/vmstat.c unusable_free_index).
  std::uint64_t unusable_permille(unsigned order) const;

  const ZoneShape& shape() const { return shape_; }
  ZoneIndex index() const { return index_; }
  NodeId node() const { return shape_.node; }
  ZoneKind kind() const { return shape_.kind; }
  const Watermarks& marks() const { return marks_; }
  Watermarks& marks() { return marks_; }
  const LowmemReserve& reserve() const { return reserve_; }
  // NR_FREE_PAGES: without what is on the lists of CPUs.
  std::uint64_t free_pages() const { return buddy_.free_pages(); }
  std::uint64_t pages_on_cpu_lists() const;
  std::uint64_t high_atomic_pages() const { return high_atomic_pages_; }

  BuddyAllocator& buddy() { return buddy_; }
  const BuddyAllocator& buddy() const { return buddy_; }
  PerCpuLists& cpu_lists(std::uint32_t cpu) { return cpu_lists_[cpu]; }
  const PerCpuLists& cpu_lists(std::uint32_t cpu) const { return cpu_lists_[cpu]; }
  ZonePressure& pressure() { return pressure_; }
  const ZonePressure& pressure() const { return pressure_; }
  NumaCounters& numa() { return numa_; }
  const NumaCounters& numa() const { return numa_; }

  void check() const;  // expensive

 private:
  void note_drained();

  ZoneShape shape_;
  ZoneIndex index_;
  PageBlocks& blocks_;
  Watermarks marks_;
  LowmemReserve reserve_;
  ZonePressure pressure_;
  BuddyAllocator buddy_;
  std::vector<PerCpuLists> cpu_lists_;
  NumaCounters numa_;
  std::uint64_t high_atomic_pages_ = 0;  // nr_reserved_highatomic
};

inline std::optional<Pfn> Zone::take(unsigned order, MigrateType type, Fragmenting fragmenting,
                                     const Privileges& privileges, std::uint32_t cpu) {
  if (has_cpu_list(order)) {
    const Pfn first = cpu_lists_[cpu].take(order, type, fragmenting, pressure_);
    if (first != kNoFrame) return first;
  }
  if (privileges.high_atomic) {
    if (const auto first = buddy_.take_smallest(order, MigrateType::HighAtomic)) return first;
  }
  TakeMode mode = TakeMode::Normal;
  auto first = buddy_.take(order, type, fragmenting, mode);
  // Failing now is worse than failing an atomic request later.
  if (!first && (privileges.oom_victim || privileges.non_blocking)) {
    first = buddy_.take_smallest(order, MigrateType::HighAtomic);
  }
  return first;
}

inline void Zone::give_frame(Pfn pfn, std::uint32_t cpu) {
  if (cpu_lists_[cpu].give_frame(pfn, blocks_.type_of(pfn), pressure_)) [[unlikely]]
    note_drained();
}

}  // namespace ft::sim::phys
