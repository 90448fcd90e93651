// BuddyAllocator is the free memory of one zone: blocks of 2^order frames on a list an order and
// migratetype, split on the way out and merged with their buddies on the way back, as
// mm/page_alloc.c does it (__rmqueue, __free_one_page).
//
// Blocks of the largest order that nobody has used yet are kept as ranges, not as lists, so that a
// machine of a terabyte needs no memory for frames that nobody touches. They stand behind all other
// blocks on the list of movable blocks of that order, lowest first.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "sim/phys/free_list.h"
#include "sim/phys/migrate_type.h"
#include "sim/phys/page_blocks.h"
#include "sim/phys/rules.h"
#include "sim/phys/watermarks.h"

namespace ft::sim::phys {

// Half-open.
struct PfnRange {
  Pfn start = 0;
  Pfn end = 0;

  std::uint64_t size() const { return end - start; }
  bool contains(Pfn pfn) const { return start <= pfn && pfn < end; }
  bool operator==(const PfnRange&) const = default;
};

// Where a run of requests found its last block, so that the next need not search again (enum
// rmqueue_mode). Normal at the start of each run.
enum class TakeMode : std::uint8_t { Normal, Claim, Steal };

// Whether a request may break up pageblocks of another type (ALLOC_NOFRAGMENT).
enum class Fragmenting : std::uint8_t { Allowed, Avoided };

// What happened, since the start; each is a tracepoint of the kernel or the sum of some.
struct BuddyEvents {
  std::uint64_t splits = 0;  // halvings of a block
  std::uint64_t merges = 0;  // joinings of two blocks
  std::uint64_t claims = 0;  // pageblocks that changed their type (mm_page_alloc_extfrag)
  std::uint64_t steals = 0;  // blocks taken from another type without that (mm_page_alloc_extfrag)
  std::uint64_t boosts = 0;  // of the watermarks
};

class BuddyAllocator {
 public:
  // `frames`, `blocks` and `marks` outlive the allocator. `span`: the frames of the zone; those
  // that are not free yet are in use, and may be given. `boost_factor`: WatermarkSettings.
  BuddyAllocator(FrameTable& frames, PageBlocks& blocks, ZoneIndex zone, PfnRange span,
                 std::uint64_t managed, Watermarks& marks, std::uint64_t boost_factor,
                 AllocatorRules rules);
  BuddyAllocator(const BuddyAllocator&) = delete;
  BuddyAllocator& operator=(const BuddyAllocator&) = delete;

  // Start: a block that is free as it stands, put behind the others of its order; its pageblocks
  // get its type. REQUIRES: within the span, aligned, on no list, its buddy of the same order not
  // free.
  void add(Pfn first, unsigned order, MigrateType type);
  // Start: blocks of the largest order, movable. REQUIRES: both ends aligned, within the span,
  // behind earlier ones.
  void add_untouched(PfnRange range);

  // __rmqueue: a block of the type's own lists, or of another type's by `fragmenting`. It is then
  // on no list and all zero. REQUIRES: order <= kMaxOrder, type has fallbacks (is no HighAtomic).
  std::optional<Pfn> take(unsigned order, MigrateType type, Fragmenting fragmenting,
                          TakeMode& mode);
  // __rmqueue_smallest: of the type's own lists only.
  std::optional<Pfn> take_smallest(unsigned order, MigrateType type);
  // rmqueue_bulk: up to `count` blocks to the back of `list`, described as kOnPerCpuList. How many.
  std::uint64_t take_bulk(unsigned order, std::uint64_t count, MigrateType type,
                          Fragmenting fragmenting, FreeList& list);
  // take_page_off_buddy: this very frame out of the free block that holds it, the rest put back in
  // halves. False where the frame is not free.
  bool take_exactly(Pfn pfn);
  // Whether the pageblock that starts there is free as a whole.
  bool is_free_pageblock(Pfn start) const;
  // alloc_contig_range for order > kMaxOrder: 2^order frames that nobody has used yet.
  std::optional<Pfn> take_gigantic(unsigned order);

  // __free_one_page, for each pageblock of the block. REQUIRES: in use, aligned, within the span.
  void give(Pfn first, unsigned order);

  // All free blocks of the pageblock that holds `pfn` go to the lists of `type`, which becomes its
  // type (move_freepages_block). False at the border of a zone.
  bool move_pageblock(Pfn pfn, MigrateType type);

  std::uint64_t free_pages() const { return free_pages_; }
  std::uint64_t free_high_atomic() const { return free_high_atomic_; }
  std::uint64_t blocks(unsigned order, MigrateType type) const {
    return lists_[index_of(type)][order].count() +
           (order == kMaxOrder && type == MigrateType::Movable ? untouched_blocks_ : 0);
  }
  BlockCounts block_counts() const;
  // Whether there is a block of at least `order` which a request may take; `reserves`: of the
  // reserve for atomic requests too.
  bool has_block(unsigned order, bool reserves) const {
    unsigned all = 0;
    for (unsigned type = 0; type < kPcpTypes; ++type) all |= not_empty_[type];
    if (reserves) all |= not_empty_[index_of(MigrateType::HighAtomic)];
    return all >> order != 0;
  }
  // The first block of the list. Empty where there is none.
  std::optional<Pfn> front(unsigned order, MigrateType type);

  // Whether the watermarks were boosted since this was asked last (ZONE_BOOSTED_WATERMARK).
  bool take_boosted() { return boosted_ && std::exchange(boosted_, false); }

  PfnRange span() const { return span_; }
  const BuddyEvents& events() const { return events_; }

  // Expensive: every free block aligned, within the span, on one list, of the type its list says,
  // described as free, without a buddy that it should have merged with; lists and sums agree.
  void check() const;

 private:
  static FreeDescription describe(unsigned order, MigrateType type) {
    return {order, kOnBuddyList, index_of(type)};
  }
  FreeList& list(unsigned order, MigrateType type) { return lists_[index_of(type)][order]; }
  bool empty(unsigned order, MigrateType type) const {
    return (not_empty_[index_of(type)] >> order & 1U) == 0;
  }
  void count(MigrateType type, std::int64_t pages);
  void note_list(unsigned order, MigrateType type);
  void push_front(Pfn first, unsigned order, MigrateType type);
  void push_back(Pfn first, unsigned order, MigrateType type);
  void remove(Pfn first);
  void move_to_back(Pfn first, MigrateType type);
  void touch_next();
  void expand(Pfn first, unsigned low, unsigned high, MigrateType type);
  bool is_free_block(Pfn first, unsigned order) const {
    const Frame& frame = frames_[first];
    return frame.list == kOnBuddyList && frame.order == order && blocks_.zone_of(first) == zone_;
  }
  std::optional<Pfn> free_block_of(Pfn pfn);
  void merge_and_list(Pfn first, unsigned order, MigrateType type);
  std::optional<MigrateType> fallback_of(unsigned order, MigrateType type) const;
  static bool may_claim(unsigned order, MigrateType type);
  std::optional<Pfn> claim(unsigned order, MigrateType type, Fragmenting fragmenting);
  std::optional<Pfn> claim_block(Pfn first, unsigned block_order, unsigned order, MigrateType type);
  std::optional<Pfn> steal(unsigned order, MigrateType type);
  bool fall_back_6_1(unsigned order, MigrateType type, Fragmenting fragmenting);
  void claim_or_move_6_1(Pfn first, MigrateType type, bool whole_block);
  void boost();
  bool spans_pageblock(Pfn pfn) const;
  struct PageblockUse {
    std::uint64_t free = 0;
    std::uint64_t movable = 0;
  };
  PageblockUse use_of_pageblock(Pfn start) const;
  bool enough_to_claim(const PageblockUse& use, MigrateType old_type, MigrateType type) const;
  std::uint64_t move_free_blocks(Pfn start, MigrateType type);
  std::uint64_t take_whole_blocks(std::uint64_t count, MigrateType type, FreeList& list);

  FrameTable& frames_;
  PageBlocks& blocks_;
  ZoneIndex zone_;
  PfnRange span_;
  std::uint64_t managed_;
  Watermarks& marks_;
  std::uint64_t boost_factor_;
  AllocatorRules rules_;

  std::array<std::array<FreeList, kOrders>, kMigrateTypes> lists_;
  // By type, a bit an order: some block is there.
  std::array<unsigned, kMigrateTypes> not_empty_ = {};
  std::deque<PfnRange> untouched_;
  std::uint64_t untouched_blocks_ = 0;
  std::uint64_t free_pages_ = 0;
  std::uint64_t free_high_atomic_ = 0;
  bool boosted_ = false;
  BuddyEvents events_;
};

}  // namespace ft::sim::phys
