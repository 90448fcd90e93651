// Reclaimer finds memory when there is none: for the machine as a whole, as kswapd and on behalf of
// whoever asks, and for a group that meets its limit. It writes pages to swap, drops those of
// files, and kills when nothing else is left (mm/vmscan.c without lru_gen, mm/memcontrol.c
// try_charge, mm/oom_kill.c).
//
// Time does not pass: kswapd, once woken, runs to its end before the request that woke it goes on,
// and what is written to a disk is written when it is looked at next.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/phys/memory.h"
#include "sim/phys/pressure_handler.h"
#include "sim/reclaim/groups.h"
#include "sim/reclaim/oom.h"
#include "sim/reclaim/page_lists.h"
#include "sim/reclaim/rules.h"
#include "sim/reclaim/scan_count.h"
#include "sim/reclaim/swap.h"

namespace ft::sim::reclaim {

// What stays behind of a page of a file or in swap, so that its return can be judged
// (mm/workingset.c).
struct Shadow {
  GroupId group = kRootGroup;
  std::uint16_t node = 0;
  std::uint64_t age = 0;
  bool workingset = false;
};

struct Evicted {
  bool to_swap = false;  // otherwise dropped: its file has it
  SwapSlot slot = 0;     // where it was swapped to; give it back with free_swap or swap_in
  Shadow shadow;
};

// Who has the pages. Its frames are its own: it frees them when they are evicted.
class Owner {
 public:
  virtual ~Owner() = default;
  // The page is gone from all lists and its charge is given back; `id` is not used again for it.
  virtual void evicted(PageId id, const Page& page, const Evicted& how) = 0;
  // All processes of the group and those below it, in the order of their start.
  virtual std::vector<OomCandidate> processes(GroupId group) = 0;
  // Its memory is to be given back at once; it is no candidate any more.
  virtual void kill(std::int32_t pid, GroupId group) = 0;
  // Compressed swap takes so many frames now.
  virtual void compressed_memory(std::uint64_t /*pages*/) {}
};

struct ReclaimCounts {
  std::uint64_t kswapd_wakeups = 0;  // that found something to do
  std::uint64_t kswapd_failures = 0;
  std::uint64_t direct_runs = 0;     // allocstall
  std::uint64_t group_runs = 0;      // for a limit
  std::uint64_t scanned_kswapd = 0;  // pgscan_*
  std::uint64_t scanned_direct = 0;
  std::uint64_t freed_kswapd = 0;  // pgsteal_*
  std::uint64_t freed_direct = 0;
  std::uint64_t swapped = 0;  // pswpout
  std::uint64_t dropped = 0;  // clean pages of files
  std::uint64_t activated = 0;
  std::uint64_t deactivated = 0;
  std::uint64_t refaults = 0;            // workingset_refault_*
  std::uint64_t refaults_activated = 0;  // workingset_activate_*
  std::uint64_t group_kills = 0;
  std::uint64_t kills = 0;
  std::uint64_t high_reclaims = 0;  // for passing memory.high
};

struct ReclaimSettings {
  unsigned swappiness = kUsualSwappiness;  // vm.swappiness
  ReclaimRules rules;
};

// How a charge may be met; what the gfp flags come to.
struct ChargeWish {
  bool reclaims = true;   // __GFP_DIRECT_RECLAIM; huge pages without advice do not
  bool one_try = false;   // __GFP_NORETRY: huge pages
  bool may_fail = false;  // __GFP_RETRY_MAYFAIL
  unsigned order = 0;
};

// How long a task sleeps that charged `pages` while its group used `used` pages of at most `high`;
// milliseconds, 0 below 10, 2000 at most (mm/memcontrol.c calculate_high_delay).
std::uint64_t high_delay_ms(std::uint64_t used, std::uint64_t high, std::uint64_t pages);

class Reclaimer final : public phys::PressureHandler {
 public:
  // `memory`: the machine's, for its watermarks; nullptr: only groups' limits matter. `groups`,
  // `swap`, `owner` and `memory` outlive the reclaimer.
  Reclaimer(const ReclaimSettings& settings, Groups& groups, Swap& swap, Owner& owner,
            phys::Memory* memory);

  // After each Groups::add.
  void add_group() { lists_.add_group(); }

  // Of anything a group uses, for `cpu`. False where it must do without: the charge failed, as
  // try_charge_memcg fails.
  bool charge(GroupId group, std::uint64_t pages, const ChargeWish& wish, std::uint32_t cpu = 0);
  void uncharge(GroupId group, std::uint64_t pages, std::uint32_t cpu = 0);

  // A page that is charged already. It counts as just used (young) where page.young says so.
  PageId add(const Page& page) { return lists_.add(page); }
  // Freed by its owner: off its list, uncharged, its slot given back.
  void remove(PageId id);
  // The processor used it.
  void touch(PageId id) { lists_.page(id).young = true; }
  void lock(PageId id) { lists_.put(id, ListKind::Unevictable); }
  void unlock(PageId id);

  // What was swapped is freed by its owner, or read back: then `page` is added and charged, on the
  // list that the way it left calls for (workingset_refault).
  void free_swap(const Page& page, SwapSlot slot);
  std::optional<PageId> swap_in(const Page& page, const Evicted& left, std::uint32_t cpu = 0);
  // The same for a page of a file.
  std::optional<PageId> read_back(const Page& page, const Evicted& left, std::uint32_t cpu = 0);

  // PressureHandler.
  void wake_kswapd(phys::Memory& memory, phys::Zone& zone, const phys::Request& request) override;
  std::uint64_t reclaim(phys::Memory& memory, const phys::Request& request,
                        std::uint64_t target) override;
  phys::Compaction compact(phys::Memory& memory, const phys::Request& request) override;
  bool worth_retrying(phys::Memory& memory, const phys::Request& request) override;
  bool out_of_memory(phys::Memory& memory, const phys::Request& request) override;

  // Reclaims at least `pages` from a group and those below, as meeting its limit would
  // (try_to_free_mem_cgroup_pages). How many.
  std::uint64_t reclaim_group(GroupId group, std::uint64_t pages, bool may_swap = true);

  const PageLists& lists() const { return lists_; }
  const ReclaimCounts& counts() const { return counts_; }

  void check() const;  // expensive

 private:
  struct Scan;  // struct scan_control

  // Pages of a group and all below it.
  std::uint64_t tree_size(GroupId top, std::size_t node, ListKind list) const;
  bool low_on_inactive(GroupId top, std::size_t node, bool file) const;
  void prepare(Scan& scan, std::size_t node) const;
  void shrink_node(Scan& scan, std::size_t node);
  void shrink_groups(Scan& scan, std::size_t node);
  void shrink_lists(Scan& scan, GroupId group, std::size_t node);
  std::uint64_t shrink_list(Scan& scan, GroupId group, std::size_t node, ListKind list,
                            std::uint64_t pages);
  void shrink_active(const Scan& scan, GroupId group, std::size_t node, ListKind list,
                     std::uint64_t pages);
  std::uint64_t shrink_inactive(Scan& scan, GroupId group, std::size_t node, ListKind list,
                                std::uint64_t pages);
  std::vector<PageId> isolate(const Scan& scan, GroupId group, std::size_t node, ListKind list,
                              std::uint64_t pages, std::uint64_t& scanned);

  enum class Fate : std::uint8_t { Freed, Written, Kept, Activated };
  Fate decide(const Scan& scan, PageId id);
  Fate decide_by_use(Page& page) const;
  Fate swap_out(const Scan& scan, PageId id);
  void drop(const Scan& scan, PageId id, bool to_swap);
  void put_active(PageId id);
  void grow_old(GroupId group, std::size_t node, std::uint64_t pages);
  void note_cost(GroupId group, std::size_t node, bool file, std::uint64_t written,
                 std::uint64_t rotated);
  bool returns_to_active(Page& page, const Shadow& shadow);
  PageId add_returned(Page page, const Shadow& shadow);
  bool can_swap(GroupId group) const;

  std::uint64_t free_up(Scan& scan, const std::vector<std::size_t>& nodes);
  void balance_node(std::size_t node, unsigned order, phys::ZoneKind highest);
  bool balanced(std::size_t node, unsigned order, phys::ZoneKind highest) const;
  bool boosted(std::size_t node, phys::ZoneKind highest) const;
  void age_node(const Scan& scan, std::size_t node);
  void snapshot_refaults(GroupId top, std::size_t node);
  void reclaim_above_high(GroupId group, std::uint64_t charged);
  bool kill_somebody(GroupId group, std::uint64_t total_pages);
  std::uint64_t reclaimable(const phys::Zone& zone) const;
  void swap_changed();

  ReclaimSettings settings_;
  Groups& groups_;
  Swap& swap_;
  Owner& owner_;
  phys::Memory* memory_;
  PageLists lists_;
  std::vector<unsigned> failures_;  // kswapd_failures, by node index
  ReclaimCounts counts_;
  std::uint64_t compressed_pages_ = 0;
  bool busy_ = false;  // PF_MEMALLOC: who reclaims does not reclaim for itself
};

}  // namespace ft::sim::reclaim
