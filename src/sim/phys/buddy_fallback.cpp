// What the buddy allocator does when the lists of the wanted type are empty: mm/page_alloc.c
// __rmqueue_claim and __rmqueue_steal, or __rmqueue_fallback of 6.1.
#include <algorithm>

#include "base/check.h"
#include "sim/phys/buddy_allocator.h"

namespace ft::sim::phys {

namespace {

constexpr std::uint64_t pages_of(unsigned order) {
  return std::uint64_t{1} << order;
}

// What compaction could move: pages on the LRU lists. Of a frame that was in use before the start
// nothing is known but the type of its pageblock.
bool is_movable(const Frame& frame, MigrateType type) {
  switch (frame.kind) {
    case FrameKind::Anonymous:
    case FrameKind::File:
    case FrameKind::Shmem:
      return true;
    case FrameKind::Free:
      return frame.list == kOnNoList && type == MigrateType::Movable;
    default:
      return false;
  }
}

}  // namespace

// find_suitable_fallback
std::optional<MigrateType> BuddyAllocator::fallback_of(unsigned order, MigrateType type) const {
  for (const MigrateType other : kFallbacks[index_of(type)]) {
    if (!empty(order, other)) return other;
  }
  return std::nullopt;
}

// should_try_claim_block: large blocks always, for there is probably more free around them; small
// ones not for movable pages, which can be moved away again.
bool BuddyAllocator::may_claim(unsigned order, MigrateType type) {
  return order >= kPageblockOrder / 2 || type == MigrateType::Reclaimable ||
         type == MigrateType::Unmovable;
}

// __rmqueue_claim: from the largest block down, as that pageblock probably has most that is free.
std::optional<Pfn> BuddyAllocator::claim(unsigned order, MigrateType type,
                                         Fragmenting fragmenting) {
  const unsigned least =
      fragmenting == Fragmenting::Avoided ? std::max(order, kPageblockOrder) : order;
  for (unsigned found = kOrders; found-- > least;) {
    const std::optional<MigrateType> other = fallback_of(found, type);
    // A release asks whether it may claim first (6.18) or once it found something (6.12): with the
    // same outcome.
    if (!other) continue;
    if (!may_claim(found, type)) break;
    if (const auto first = claim_block(*front(found, *other), found, order, type)) {
      ++events_.claims;
      return first;
    }
  }
  return std::nullopt;
}

// try_to_claim_block
std::optional<Pfn> BuddyAllocator::claim_block(Pfn first, unsigned block_order, unsigned order,
                                               MigrateType type) {
  const MigrateType old_type = blocks_.type_of(first);
  if (block_order >= kPageblockOrder) {
    remove(first);
    count(old_type, -static_cast<std::int64_t>(pages_of(block_order)));
    blocks_.set_types(first, block_order, type);
    expand(first, order, block_order, type);
    count(type, static_cast<std::int64_t>(pages_of(block_order) - pages_of(order)));
    return first;
  }
  boost();
  if (!spans_pageblock(first)) return std::nullopt;
  const Pfn start = head_of(first, kPageblockOrder);
  if (!enough_to_claim(use_of_pageblock(start), old_type, type)) return std::nullopt;
  move_free_blocks(start, type);
  blocks_.set_type(start, type);
  return take_smallest(order, type);
}

// At least half of a pageblock is free or of the like already.
bool BuddyAllocator::enough_to_claim(const PageblockUse& use, MigrateType old_type,
                                     MigrateType type) const {
  std::uint64_t alike = 0;
  if (type == MigrateType::Movable) {
    alike = use.movable;
  } else if (old_type == MigrateType::Movable) {
    alike = kPageblockPages - (use.free + use.movable);
  }
  return use.free + alike >= kPageblockPages / 2;
}

// __rmqueue_steal: the smallest block that will do; its pageblock stays what it is.
std::optional<Pfn> BuddyAllocator::steal(unsigned order, MigrateType type) {
  for (unsigned found = order; found < kOrders; ++found) {
    const std::optional<MigrateType> other = fallback_of(found, type);
    if (!other) continue;
    ++events_.steals;
    const Pfn first = *front(found, *other);
    remove(first);
    expand(first, order, found, *other);
    count(*other, -static_cast<std::int64_t>(pages_of(order)));
    return first;
  }
  return std::nullopt;
}

// __rmqueue_fallback of 6.1: moves blocks to the lists of the type, where the caller tries again.
bool BuddyAllocator::fall_back_6_1(unsigned order, MigrateType type, Fragmenting fragmenting) {
  const unsigned least =
      fragmenting == Fragmenting::Avoided ? std::max(order, kPageblockOrder) : order;
  for (unsigned found = kOrders; found-- > least;) {
    std::optional<MigrateType> other = fallback_of(found, type);
    if (!other) continue;
    unsigned chosen = found;
    if (!may_claim(found, type) && type == MigrateType::Movable && found > order) {
      // Not the whole pageblock: then rather the smallest block.
      for (chosen = order; !(other = fallback_of(chosen, type));) ++chosen;
    }
    claim_or_move_6_1(*front(chosen, *other), type, may_claim(chosen, type));
    return true;
  }
  return false;
}

// steal_suitable_fallback of 6.1.
void BuddyAllocator::claim_or_move_6_1(Pfn first, MigrateType type, bool whole_block) {
  const MigrateType old_type = blocks_.type_of(first);
  const unsigned block_order = frames_[first].order;
  if (old_type == MigrateType::HighAtomic) {
    ++events_.steals;
    move_to_back(first, type);
    return;
  }
  if (block_order >= kPageblockOrder) {
    ++events_.claims;
    blocks_.set_types(first, block_order, type);
    move_to_back(first, type);
    return;
  }
  boost();
  if (!whole_block || !spans_pageblock(first)) {
    ++events_.steals;
    move_to_back(first, type);
    return;
  }
  const Pfn start = head_of(first, kPageblockOrder);
  const PageblockUse use = use_of_pageblock(start);
  move_free_blocks(start, type);
  if (enough_to_claim(use, old_type, type)) {
    ++events_.claims;
    blocks_.set_type(start, type);
  } else {
    ++events_.steals;
  }
}

// boost_watermark: types begin to mix, so reclaim shall free some pageblocks before it gets worse.
void BuddyAllocator::boost() {
  if (boost_factor_ == 0 || kPageblockPages * 4 > managed_) return;
  std::uint64_t most =
      marks_.high / 10000 * boost_factor_ + marks_.high % 10000 * boost_factor_ / 10000;
  if (most == 0) return;
  most = std::max(most, kPageblockPages);
  marks_.boost = std::min(marks_.boost + kPageblockPages, most);
  boosted_ = true;
  ++events_.boosts;
}

// ---- pageblocks
// ----------------------------------------------------------------------------------

bool BuddyAllocator::spans_pageblock(Pfn pfn) const {
  const Pfn start = head_of(pfn, kPageblockOrder);
  return span_.contains(start) && span_.contains(start + kPageblockPages - 1);
}

BuddyAllocator::PageblockUse BuddyAllocator::use_of_pageblock(Pfn start) const {
  const MigrateType type = blocks_.type_of(start);
  PageblockUse use;
  for (Pfn pfn = start; pfn < start + kPageblockPages;) {
    const Frame& frame = frames_[pfn];
    const std::uint64_t pages = frame.list == kOnNoList ? 1 : pages_of(frame.order);
    if (frame.list == kOnBuddyList) use.free += pages;
    if (is_movable(frame, type)) ++use.movable;
    pfn += pages;
  }
  return use;
}

// __move_freepages_block: to the ends of the lists. How many pages.
std::uint64_t BuddyAllocator::move_free_blocks(Pfn start, MigrateType type) {
  std::uint64_t moved = 0;
  for (Pfn pfn = start; pfn < start + kPageblockPages;) {
    if (frames_[pfn].list != kOnBuddyList) {
      ++pfn;
      continue;
    }
    const std::uint64_t pages = pages_of(frames_[pfn].order);
    move_to_back(pfn, type);
    moved += pages;
    pfn += pages;
  }
  return moved;
}

bool BuddyAllocator::move_pageblock(Pfn pfn, MigrateType type) {
  if (!spans_pageblock(pfn)) return false;
  const Pfn start = head_of(pfn, kPageblockOrder);
  if (const auto whole = free_block_of(start); whole && frames_[*whole].order >= kPageblockOrder) {
    blocks_.set_types(*whole, frames_[*whole].order, type);
    move_to_back(*whole, type);
    return true;
  }
  move_free_blocks(start, type);
  blocks_.set_type(start, type);
  return true;
}

}  // namespace ft::sim::phys
