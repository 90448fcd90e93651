#include <unordered_map>

#include "base/check.h"
#include "sim/phys/buddy_allocator.h"

namespace ft::sim::phys {

void BuddyAllocator::check() const {
  std::unordered_map<Pfn, unsigned> heads;
  std::uint64_t free = 0;
  std::uint64_t high_atomic = 0;
  for (unsigned type = 0; type < kMigrateTypes; ++type) {
    for (unsigned order = 0; order < kOrders; ++order) {
      const auto of_type = static_cast<MigrateType>(type);
      const std::uint64_t pages = std::uint64_t{1} << order;
      std::uint64_t seen = 0;
      lists_[type][order].visit(frames_, [&](Pfn first) {
        const Frame& frame = frames_[first];
        FT_CHECK(first % pages == 0 && span_.start <= first && first + pages <= span_.end);
        FT_CHECK(frame.kind == FrameKind::Free && frame.list == kOnBuddyList &&
                 frame.order == order && frame.flags == type && frame.map_count == 0);
        FT_CHECK(blocks_.zone_of(first) == zone_);
        if (rules_.claims_before_stealing) FT_CHECK(blocks_.type_of(first) == of_type);
        FT_CHECK(heads.emplace(first, order).second);
        ++seen;
      });
      FT_CHECK(seen == lists_[type][order].count());
      FT_CHECK(empty(order, of_type) == (blocks(order, of_type) == 0));
      free += blocks(order, of_type) * pages;
      if (of_type == MigrateType::HighAtomic) high_atomic += seen * pages;
    }
  }
  FT_CHECK(free == free_pages_ && high_atomic == free_high_atomic_ && free_pages_ <= span_.size());

  std::uint64_t untouched = 0;
  Pfn end = span_.start;
  for (const PfnRange& range : untouched_) {
    FT_CHECK(range.start < range.end && end <= range.start && range.end <= span_.end);
    FT_CHECK(range.start % kMaxBlockPages == 0 && range.end % kMaxBlockPages == 0);
    untouched += range.size() / kMaxBlockPages;
    end = range.end;
  }
  FT_CHECK(untouched == untouched_blocks_);

  for (const auto& [first, order] : heads) {
    // No block lies within another, ...
    for (unsigned larger = order + 1; larger <= kMaxOrder; ++larger) {
      const auto around = heads.find(head_of(first, larger));
      FT_CHECK(around == heads.end() || around->first == first || around->second < larger);
    }
    for (const PfnRange& range : untouched_) FT_CHECK(!range.contains(first));
    // ... and no two lie beside each other that should have become one.
    if (order == kMaxOrder) continue;
    const Pfn buddy = first ^ (Pfn{1} << order);
    const auto beside = heads.find(buddy);
    if (beside == heads.end() || beside->second != order) continue;
    FT_CHECK(!mergeable(blocks_.type_of(first)) || !mergeable(blocks_.type_of(buddy)));
    FT_CHECK(order >= kPageblockOrder);
  }
}

}  // namespace ft::sim::phys
