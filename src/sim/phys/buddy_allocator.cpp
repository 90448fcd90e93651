#include "sim/phys/buddy_allocator.h"

#include <algorithm>

#include "base/check.h"

namespace ft::sim::phys {

namespace {

constexpr std::uint64_t pages_of(unsigned order) {
  return std::uint64_t{1} << order;
}

constexpr MigrateType type_of_list(const Frame& frame) {
  return static_cast<MigrateType>(frame.flags);
}

}  // namespace

BuddyAllocator::BuddyAllocator(FrameTable& frames, PageBlocks& blocks, ZoneIndex zone,
                               PfnRange span, std::uint64_t managed, Watermarks& marks,
                               std::uint64_t boost_factor, AllocatorRules rules)
    : frames_(frames),
      blocks_(blocks),
      zone_(zone),
      span_(span),
      managed_(managed),
      marks_(marks),
      boost_factor_(boost_factor),
      rules_(rules) {
  FT_CHECK(span.start < span.end && span.end <= frames.size());
  for (Pfn pfn = span.start; pfn < span.end;
       pfn = head_of(pfn, kPageblockOrder) + kPageblockPages) {
    blocks_.set_zone(pfn, zone);
  }
}

// ---- lists
// ---------------------------------------------------------------------------------------

// account_freepages
void BuddyAllocator::count(MigrateType type, std::int64_t pages) {
  free_pages_ += static_cast<std::uint64_t>(pages);
  if (type == MigrateType::HighAtomic) free_high_atomic_ += static_cast<std::uint64_t>(pages);
}

void BuddyAllocator::note_list(unsigned order, MigrateType type) {
  const unsigned bit = 1U << order;
  unsigned& orders = not_empty_[index_of(type)];
  orders = blocks(order, type) != 0 ? orders | bit : orders & ~bit;
}

void BuddyAllocator::push_front(Pfn first, unsigned order, MigrateType type) {
  list(order, type).push_front(frames_, first, describe(order, type));
  not_empty_[index_of(type)] |= 1U << order;
}

void BuddyAllocator::push_back(Pfn first, unsigned order, MigrateType type) {
  list(order, type).push_back(frames_, first, describe(order, type));
  not_empty_[index_of(type)] |= 1U << order;
}

void BuddyAllocator::remove(Pfn first) {
  const unsigned order = frames_[first].order;
  const MigrateType type = type_of_list(frames_[first]);
  list(order, type).remove(frames_, first);
  note_list(order, type);
}

// move_to_free_list
void BuddyAllocator::move_to_back(Pfn first, MigrateType type) {
  const unsigned order = frames_[first].order;
  count(type_of_list(frames_[first]), -static_cast<std::int64_t>(pages_of(order)));
  remove(first);
  push_back(first, order, type);
  count(type, static_cast<std::int64_t>(pages_of(order)));
}

// The lowest of the blocks that nobody has used goes to the end of its list.
void BuddyAllocator::touch_next() {
  PfnRange& range = untouched_.front();
  const Pfn first = range.start;
  range.start += kMaxBlockPages;
  --untouched_blocks_;
  if (range.start == range.end) untouched_.pop_front();
  push_back(first, kMaxOrder, MigrateType::Movable);
}

std::optional<Pfn> BuddyAllocator::front(unsigned order, MigrateType type) {
  if (empty(order, type)) return std::nullopt;
  if (list(order, type).empty()) touch_next();
  return list(order, type).front();
}

void BuddyAllocator::add(Pfn first, unsigned order, MigrateType type) {
  FT_CHECK(order <= kMaxOrder && first % pages_of(order) == 0 && span_.contains(first) &&
           first + pages_of(order) <= span_.end);
  FT_CHECK(order == kMaxOrder || !is_free_block(first ^ pages_of(order), order));
  if (order >= kPageblockOrder) {
    blocks_.set_types(first, order, type);
  } else {
    blocks_.set_type(first, type);
  }
  push_back(first, order, type);
  count(type, static_cast<std::int64_t>(pages_of(order)));
}

void BuddyAllocator::add_untouched(PfnRange range) {
  FT_CHECK(range.start % kMaxBlockPages == 0 && range.end % kMaxBlockPages == 0);
  FT_CHECK(span_.start <= range.start && range.start < range.end && range.end <= span_.end);
  FT_CHECK(untouched_.empty() || untouched_.back().end <= range.start);
  untouched_.push_back(range);
  untouched_blocks_ += range.size() / kMaxBlockPages;
  count(MigrateType::Movable, static_cast<std::int64_t>(range.size()));
  note_list(kMaxOrder, MigrateType::Movable);
}

BlockCounts BuddyAllocator::block_counts() const {
  BlockCounts counts = {};
  for (unsigned type = 0; type < kMigrateTypes; ++type) {
    for (unsigned order = 0; order < kOrders; ++order) {
      counts[type][order] = blocks(order, static_cast<MigrateType>(type));
    }
  }
  return counts;
}

// ---- taking
// --------------------------------------------------------------------------------------

// The upper halves go back, in front, until the block has the order that is wanted.
void BuddyAllocator::expand(Pfn first, unsigned low, unsigned high, MigrateType type) {
  events_.splits += high - low;
  while (high > low) {
    --high;
    push_front(first + pages_of(high), high, type);
  }
}

std::optional<Pfn> BuddyAllocator::take_smallest(unsigned order, MigrateType type) {
  const unsigned larger = not_empty_[index_of(type)] >> order;
  if (larger == 0) return std::nullopt;
  const unsigned found = order + static_cast<unsigned>(std::countr_zero(larger));
  const Pfn first = *front(found, type);
  list(found, type).pop_front(frames_);
  note_list(found, type);
  expand(first, order, found, type);
  count(type, -static_cast<std::int64_t>(pages_of(order)));
  return first;
}

std::optional<Pfn> BuddyAllocator::take(unsigned order, MigrateType type, Fragmenting fragmenting,
                                        TakeMode& mode) {
  if (!rules_.claims_before_stealing) {
    std::optional<Pfn> first;
    do {
      first = take_smallest(order, type);
    } while (!first && fall_back_6_1(order, type, fragmenting));
    return first;
  }
  if (mode == TakeMode::Normal) {
    if (const auto first = take_smallest(order, type)) return first;
  }
  if (mode != TakeMode::Steal) {
    if (const auto first = claim(order, type, fragmenting)) {
      mode = TakeMode::Normal;  // its own lists are filled again
      return first;
    }
  }
  if (fragmenting == Fragmenting::Avoided) return std::nullopt;
  const auto first = steal(order, type);
  if (first) mode = TakeMode::Steal;
  return first;
}

// What taking single frames one after the other comes to, as long as the smallest block there is
// fits into what is left: its frames in order. The lists of smaller orders are empty then and stay
// so.
std::uint64_t BuddyAllocator::take_whole_blocks(std::uint64_t count_left, MigrateType type,
                                                FreeList& into) {
  constexpr FreeDescription kDescribed(0, kOnPerCpuList);
  std::uint64_t taken = 0;
  while (not_empty_[index_of(type)] != 0) {
    const auto order = static_cast<unsigned>(std::countr_zero(not_empty_[index_of(type)]));
    const std::uint64_t pages = pages_of(order);
    if (pages > count_left - taken) break;
    const Pfn first = *front(order, type);
    list(order, type).pop_front(frames_);
    note_list(order, type);
    for (Pfn pfn = first; pfn < first + pages; ++pfn) into.push_back(frames_, pfn, kDescribed);
    events_.splits += pages - 1;
    taken += pages;
  }
  count(type, -static_cast<std::int64_t>(taken));
  return taken;
}

std::uint64_t BuddyAllocator::take_bulk(unsigned order, std::uint64_t wanted, MigrateType type,
                                        Fragmenting fragmenting, FreeList& into) {
  const FreeDescription described(order, kOnPerCpuList);
  TakeMode mode = TakeMode::Normal;
  std::uint64_t taken = 0;
  while (taken < wanted) {
    if (order == 0 && mode == TakeMode::Normal) {
      taken += take_whole_blocks(wanted - taken, type, into);
      if (taken == wanted) break;
    }
    const std::optional<Pfn> first = take(order, type, fragmenting, mode);
    if (!first) break;
    into.push_back(frames_, *first, described);
    ++taken;
  }
  return taken;
}

// The free block that holds a frame.
std::optional<Pfn> BuddyAllocator::free_block_of(Pfn pfn) {
  for (const PfnRange& range : untouched_) {
    if (!range.contains(pfn)) continue;
    // Those below come first on the list anyway.
    const Pfn first = head_of(pfn, kMaxOrder);
    while (frames_[first].list != kOnBuddyList) touch_next();
    return first;
  }
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    const Pfn first = head_of(pfn, order);
    const Frame& frame = frames_[first];
    if (frame.list == kOnBuddyList && blocks_.zone_of(first) == zone_) {
      if (frame.order >= order) return first;
      return std::nullopt;
    }
  }
  return std::nullopt;
}

bool BuddyAllocator::is_free_pageblock(Pfn start) const {
  for (const PfnRange& range : untouched_) {
    if (range.contains(start)) return true;
  }
  return is_free_block(start, kPageblockOrder) || is_free_block(start, kMaxOrder) ||
         is_free_block(head_of(start, kMaxOrder), kMaxOrder);
}

bool BuddyAllocator::take_exactly(Pfn pfn) {
  FT_CHECK(span_.contains(pfn));
  const std::optional<Pfn> found = free_block_of(pfn);
  if (!found) return false;
  Pfn first = *found;
  unsigned order = frames_[first].order;
  const MigrateType type = type_of_list(frames_[first]);
  remove(first);
  events_.splits += order;
  while (order > 0) {  // break_down_buddy_pages
    --order;
    const Pfn middle = first + pages_of(order);
    push_front(pfn < middle ? middle : first, order, type);
    if (pfn >= middle) first = middle;
  }
  count(type, -1);
  return true;
}

std::optional<Pfn> BuddyAllocator::take_gigantic(unsigned order) {
  FT_CHECK(order > kMaxOrder);
  const std::uint64_t pages = pages_of(order);
  for (auto range = untouched_.begin(); range != untouched_.end(); ++range) {
    const Pfn first = (range->start + pages - 1) & ~(pages - 1);
    if (first + pages > range->end) continue;
    const PfnRange below = {range->start, first};
    range->start = first + pages;
    if (range->size() == 0) range = untouched_.erase(range);
    if (below.size() != 0) untouched_.insert(range, below);
    untouched_blocks_ -= pages / kMaxBlockPages;
    count(MigrateType::Movable, -static_cast<std::int64_t>(pages));
    note_list(kMaxOrder, MigrateType::Movable);
    return first;
  }
  return std::nullopt;
}

// ---- giving
// --------------------------------------------------------------------------------------

void BuddyAllocator::give(Pfn first, unsigned order) {
  FT_CHECK(first % pages_of(order) == 0 && span_.contains(first) &&
           first + pages_of(order) <= span_.end && frames_[first].list == kOnNoList);
  // Blocks beyond a pageblock may have grown out of several types (split_large_buddy); those of
  // hugetlb are larger than any list.
  const unsigned piece =
      rules_.claims_before_stealing ? std::min(order, kPageblockOrder) : std::min(order, kMaxOrder);
  for (Pfn pfn = first; pfn < first + pages_of(order); pfn += pages_of(piece)) {
    merge_and_list(pfn, piece, blocks_.type_of(pfn));
  }
}

void BuddyAllocator::merge_and_list(Pfn first, unsigned order, MigrateType type) {
  count(type, static_cast<std::int64_t>(pages_of(order)));
  Pfn buddy = 0;
  for (; order < kMaxOrder; ++order) {
    buddy = first ^ pages_of(order);
    if (!is_free_block(buddy, order)) break;
    if (order >= kPageblockOrder) {
      const MigrateType other = blocks_.type_of(buddy);
      if (other != type && (!mergeable(other) || !mergeable(type))) break;
      if (other != type) blocks_.set_types(buddy, order, type);
    }
    remove(buddy);
    first &= buddy;
    ++events_.merges;
  }
  // Freed next to a free block of the next order, it will probably grow soon: last to be used
  // (buddy_merge_likely).
  const bool grows_soon =
      order < kMaxOrder - 1 && is_free_block((first & buddy) ^ pages_of(order + 1), order + 1);
  if (grows_soon) {
    push_back(first, order, type);
  } else {
    push_front(first, order, type);
  }
}

}  // namespace ft::sim::phys
