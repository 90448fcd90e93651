#include "sim/phys/frame_store.h"

#include <bit>
#include <unordered_set>

#include "base/check.h"

namespace ft::sim::phys {

MaybeFrame FrameStore::allocate(unsigned order, FrameUse /*use*/) {
  FT_CHECK(order <= kMostOrder);
  if (const Pfn first = free_[order]; first != 0) {
    const Pfn next = frames()[first].word;
    // Whoever asked will write to `first` now, and most likely ask again soon.
    if (next != 0) __builtin_prefetch(&frames()[next], 1);
    free_[order] = next;
    in_use_ += std::uint64_t{1} << order;
    return first;
  }
  std::optional<Pfn> first = bump(order);
  if (!first) first = split_larger(order);
  if (first) in_use_ += std::uint64_t{1} << order;
  return first;
}

void FrameStore::free(Pfn first, unsigned order) {
  const std::uint64_t size = std::uint64_t{1} << order;
  FT_CHECK(order <= kMostOrder && first % size == 0 && first >= kFirstUsable &&
           first + size <= next_ && frames()[first].kind != FrameKind::Free);
  push(first, order);
  in_use_ -= size;
}

void FrameStore::push(Pfn first, unsigned order) {
  Frame& frame = frames()[first];
  frame = {.word = free_[order], .order = static_cast<std::uint8_t>(order)};
  free_[order] = first;
}

// Takes the next block of frames that were never used. Those left out before it, because it must be
// aligned, go to the lists of smaller orders.
std::optional<Pfn> FrameStore::bump(unsigned order) {
  const std::uint64_t size = std::uint64_t{1} << order;
  const Pfn first = (next_ + size - 1) & ~(size - 1);
  if (first + size > frames().size()) return std::nullopt;
  while (next_ < first) {
    const auto gap = static_cast<unsigned>(std::countr_zero(next_));
    push(next_, gap);
    next_ += std::uint64_t{1} << gap;
  }
  next_ = first + size;
  return first;
}

std::optional<Pfn> FrameStore::split_larger(unsigned order) {
  unsigned larger = order + 1;
  while (larger <= kMostOrder && free_[larger] == 0) ++larger;
  if (larger > kMostOrder) return std::nullopt;
  const Pfn first = free_[larger];
  free_[larger] = frames()[first].word;
  while (larger > order) {
    --larger;
    push(first + (Pfn{1} << larger), larger);
  }
  return first;
}

void FrameStore::check() const {
  std::unordered_set<Pfn> seen;
  std::uint64_t free = 0;
  for (unsigned order = 0; order <= kMostOrder; ++order) {
    for (Pfn first = free_[order]; first != 0; first = frames()[first].word) {
      FT_CHECK(first % (Pfn{1} << order) == 0 && first + (Pfn{1} << order) <= next_);
      FT_CHECK(frames()[first].kind == FrameKind::Free && frames()[first].order == order);
      FT_CHECK(seen.insert(first).second);
      free += std::uint64_t{1} << order;
    }
  }
  FT_CHECK(free + in_use_ == next_ - kFirstUsable);
}

}  // namespace ft::sim::phys
