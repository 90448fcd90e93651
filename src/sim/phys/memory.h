// Memory is the physical memory of a machine: nodes, their zones, and the order in which a request
// goes through them (mm/page_alloc.c __alloc_pages). One CPU at a time asks; set_cpu says which.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "sim/phys/frame_source.h"
#include "sim/phys/memory_start.h"
#include "sim/phys/page_blocks.h"
#include "sim/phys/pressure_handler.h"
#include "sim/phys/request.h"
#include "sim/phys/zone.h"

namespace ft::sim::phys {

// How hard a huge page is tried for when none lies ready (vma_thp_gfp_mask, by the setting
// transparent_hugepage/defrag and the advice of the area).
enum class HugeEffort : std::uint8_t { None, WakeKswapd, Reclaim };

struct Node {
  NodeId id = 0;
  std::vector<Zone*> zones;     // from low to high kind
  std::vector<Zone*> zonelist;  // of all nodes, nearest first, in each the highest kind first
  std::vector<Zone*> own_list;  // of this node only, highest kind first
  std::uint64_t cpus = 0;
};

struct MemoryEvents {
  std::array<std::uint64_t, kOrders> allocations = {};  // blocks, by order
  std::array<std::uint64_t, kOrders> frees = {};
  std::array<std::uint64_t, kOrders> failures = {};
  std::uint64_t gigantic = 0;   // blocks beyond the largest order
  std::uint64_t slow_path = 0;  // requests that found no zone above its low watermark
  std::uint64_t direct_reclaims = 0;
  std::uint64_t compactions = 0;
  std::uint64_t cpu_list_drains = 0;  // of all CPUs, for want of memory
  std::uint64_t out_of_memory = 0;    // times somebody was to be killed
};

class Memory;

// Who decides on which node a block shall be; src/sim/numa implements it.
class Placer {
 public:
  virtual ~Placer() = default;
  virtual MaybeFrame place(Memory& memory, unsigned order, FrameUse use) = 0;
};

class Memory final : public FrameSource {
 public:
  // Errors: as MemoryStart::validate, or free blocks that do not fit into their zone.
  static Result<std::unique_ptr<Memory>> make(const MemoryStart& start);

  // FrameSource. By use: user memory and page cache movable, page tables not. Orders beyond
  // kMaxOrder come from memory that nobody has used yet.
  MaybeFrame allocate(unsigned order, FrameUse use) override;
  void free(Pfn first, unsigned order) override;

  // What allocate() asks for.
  Request usual_request(unsigned order, FrameUse use) const;
  // __alloc_pages. Empty where the kernel would return NULL. REQUIRES: order <= kMaxOrder.
  std::optional<Pfn> request(const Request& request);

  // Beyond kMaxOrder, from memory that nobody has used yet (alloc_contig_pages).
  std::optional<Pfn> allocate_gigantic(unsigned order);

  // The CPU that runs. REQUIRES: cpu < cpus().
  void set_cpu(std::uint32_t cpu);
  std::uint32_t cpu() const { return cpu_; }
  NodeId node() const { return node_of_cpu_[cpu_]; }  // numa_node_id
  std::uint64_t cpus() const { return node_of_cpu_.size(); }

  void set_huge_effort(HugeEffort effort) { huge_effort_ = effort; }
  // `placer` is asked for every block from now on; nullptr: the node of the CPU first.
  void set_placer(Placer* placer) { placer_ = placer; }
  // `handler` outlives the memory; nullptr: nothing can be reclaimed.
  void set_pressure_handler(PressureHandler* handler);

  // Pins one frame in each of `share` (0 to 1) of all free pageblocks, evenly spread, so that
  // that share of free memory serves no huge page. How many frames; they stay in use for good.
  std::uint64_t fragment(double share);

  const std::vector<std::unique_ptr<Zone>>& zones() const { return zones_; }
  const std::vector<Node>& nodes() const { return nodes_; }  // by id, those with memory
  const Node* find_node(NodeId id) const;
  // REQUIRES: the frame is in a zone.
  Zone& zone_of(Pfn pfn) { return *zones_[blocks_.zone_of(pfn)]; }
  const Zone& zone_of(Pfn pfn) const { return *zones_[blocks_.zone_of(pfn)]; }
  // The block is where interleaving wanted it (NUMA_INTERLEAVE_HIT).
  void count_interleave_hit(Pfn pfn) { ++zone_of(pfn).numa().interleave_hit; }

  std::uint64_t free_pages() const;
  std::uint64_t managed_pages() const;
  std::uint64_t min_free_kbytes() const { return min_free_kbytes_; }
  NumaCounters numa(NodeId node) const;
  const MemoryEvents& events() const { return events_; }
  // Whatever this memory takes of the host's, apart from the frame table's untouched pages.
  std::uint64_t fixed_bytes() const;

  void check() const;  // expensive: every zone, and that each frame is in one state

 private:
  // Where one request looks, in which order.
  struct Route {
    const std::vector<Zone*>* zones = nullptr;
    Zone* preferred = nullptr;
  };

  explicit Memory(const MemoryStart& start);
  void make_zones(const MemoryStart& start);
  void make_nodes(const MemoryStart& start);
  Result<void> fill(const MemoryStart& start);

  const Node& node_for(NodeId id) const { return nodes_[index_of_node_[id]]; }
  Route route_of(const Request& request) const;
  Fragmenting fragmenting_in(const Zone& zone) const {
    return avoids_fragmenting_[zone.index()] ? Fragmenting::Avoided : Fragmenting::Allowed;
  }
  std::optional<Pfn> from_free_lists(const Request& request, const Route& route, Mark mark,
                                     Fragmenting fragmenting, const Privileges& privileges);
  std::optional<Pfn> walk(const Request& request, const Route& route, Mark mark,
                          Fragmenting& fragmenting, const Privileges& privileges, bool& again);
  std::optional<Pfn> slow_path(const Request& request, const Route& route);
  std::optional<Pfn> reclaim_and_retry(const Request& request, const Route& route,
                                       const Privileges& privileges, bool& progress);
  std::optional<Pfn> compact_and_retry(const Request& request, const Route& route,
                                       const Privileges& privileges, Compaction& outcome);
  void wake_kswapds(const Request& request, const Route& route);
  bool unreserve_high_atomic(const Request& request, const Route& route, bool force);
  // zone_statistics
  void count_statistics(Zone& zone, Zone& preferred) {
    NumaCounters& here = zone.numa();
    if (zone.node() == preferred.node()) {
      ++here.hit;
    } else {
      ++here.miss;
      ++preferred.numa().foreign;
    }
    ++(zone.node() == node() ? here.local_node : here.other_node);
  }
  [[gnu::noinline]] void free_block(Zone& zone, Pfn first, unsigned order);
  Pfn allocate_at_once(FrameUse use);
  [[gnu::noinline]] MaybeFrame allocate_by_request(unsigned order, FrameUse use);

  PageBlocks blocks_;
  std::vector<std::unique_ptr<Zone>> zones_;
  std::vector<bool> avoids_fragmenting_;  // by zone
  std::vector<Node> nodes_;
  std::vector<std::size_t> index_of_node_;  // by id; kMostNodes where it has no memory
  std::vector<NodeId> node_of_cpu_;
  std::uint64_t min_free_kbytes_ = 0;
  std::uint32_t cpu_ = 0;
  // Of the CPU's node, by FrameUse: where the fast path looks first.
  std::array<Zone*, 3> first_zone_ = {};
  std::array<Fragmenting, 3> first_fragmenting_ = {};
  std::array<bool, 3> first_is_local_ = {};
  HugeEffort huge_effort_ = HugeEffort::Reclaim;
  NoPressureHandler no_pressure_;
  PressureHandler* pressure_ = &no_pressure_;
  Placer* placer_ = nullptr;
  MemoryEvents events_;
};

}  // namespace ft::sim::phys
