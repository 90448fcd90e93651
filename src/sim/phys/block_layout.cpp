// Finds places for given numbers of free blocks. What a host says is how many there are, not where.
//
// Two free buddies of one order are one block of the next. So a pageblock that is not free as a
// whole is halved again and again: of each pair of halves at most one is a free block, the other is
// halved further or in use.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>

#include "sim/phys/memory_start.h"

namespace ft::sim::phys {

namespace {

constexpr std::uint64_t pages_of(unsigned order) {
  return std::uint64_t{1} << order;
}

using Counts = std::array<std::uint64_t, kOrders>;

// By order k: how many stretches of 2^k frames, none of them wholly free, it takes to hold the
// blocks of all smaller orders.
Counts stretches_needed(const Counts& blocks) {
  Counts needed = {};
  for (unsigned order = 1; order <= kPageblockOrder; ++order) {
    const std::uint64_t here = blocks[order - 1];
    needed[order] = std::max(here, (here + needed[order - 1] + 1) / 2);
  }
  return needed;
}

class Layout {
 public:
  explicit Layout(const ZoneStart& zone) : shape_(zone.shape), free_(zone.free) {
    const PfnRange span = zone.shape.span;
    const Pfn start = std::max(span.start, kFirstUsable);
    next_ = round_up(start);
    end_ = std::max(head_of(span.end, kMaxOrder), next_);
  }

  Result<BlockLayout> make() {
    FT_TRY_VOID(check_room());
    for (unsigned type = 0; type < kMigrateTypes; ++type) {
      place_small_blocks(static_cast<MigrateType>(type));
    }
    next_ = round_up(next_);
    for (unsigned type = 0; type < kMigrateTypes; ++type) {
      place_pageblocks(static_cast<MigrateType>(type));
    }
    place_largest();
    return std::move(layout_);
  }

 private:
  static Pfn round_up(Pfn pfn) {
    return (pfn + kMaxBlockPages - 1) / kMaxBlockPages * kMaxBlockPages;
  }

  const Counts& counts(MigrateType type) const { return free_[index_of(type)]; }

  Result<void> check_room() {
    const std::uint64_t room = (end_ - next_) >> kMaxOrder;
    std::uint64_t partial = 0;
    std::uint64_t largest = 0;
    for (const Counts& blocks : free_) {
      for (unsigned order = 0; order < kOrders; ++order) {
        if (blocks[order] > kMostFrames >> order) return no_room("more blocks than frames");
      }
      partial += stretches_needed(blocks)[kPageblockOrder];
      whole_ += blocks[kPageblockOrder];
      largest += blocks[kMaxOrder];
    }
    std::uint64_t wanted = std::max(whole_, (partial + whole_ + 1) / 2) + largest;
    if (shape_.span.start < kFirstUsable) {
      // The model keeps the first frames for the zero pages; what would be there is in use.
      std::uint64_t& movable = free_[index_of(MigrateType::Movable)][kMaxOrder];
      const std::uint64_t lost = std::min(movable, wanted > room ? wanted - room : 0);
      movable -= lost;
      wanted -= lost;
    }
    if (wanted > room) return no_room("they do not fit into it");
    return {};
  }

  std::unexpected<Error> no_room(std::string why) const {
    return fail(fmt::format("free blocks of node {}, zone {}", shape_.node, name_of(shape_.kind)),
                std::move(why));
  }

  void place(Pfn first, unsigned order, MigrateType type) {
    layout_.blocks.push_back({first, order, type});
  }

  void place_small_blocks(MigrateType type) {
    const Counts needed = stretches_needed(counts(type));
    std::vector<Pfn> stretches;  // of the order at hand, lowest first
    for (std::uint64_t i = 0; i < needed[kPageblockOrder]; ++i) {
      stretches.push_back(next_pageblock());
      partial_.push_back(stretches.back());
    }
    for (unsigned order = kPageblockOrder; order > 0; --order) {
      const unsigned half = order - 1;
      std::uint64_t blocks = counts(type)[half];
      std::vector<Pfn> halves;
      for (const Pfn start : stretches) {
        if (blocks != 0) {
          place(start + pages_of(half), half, type);
          --blocks;
        } else if (halves.size() < needed[half]) {
          halves.push_back(start + pages_of(half));
        }
        if (halves.size() < needed[half]) halves.push_back(start);
      }
      stretches = std::move(halves);
    }
  }

  // Lower pageblocks of pairs whose upper ones will be free; once these are enough, both.
  Pfn next_pageblock() {
    const Pfn first = next_;
    next_ += partial_.size() < whole_ ? kMaxBlockPages : kPageblockPages;
    return first;
  }

  void place_pageblocks(MigrateType type) {
    for (std::uint64_t i = 0; i < counts(type)[kPageblockOrder]; ++i) {
      if (upper_used_ == partial_.size()) partial_.push_back(next_pageblock());
      place(partial_[upper_used_++] + kPageblockPages, kPageblockOrder, type);
    }
  }

  void place_largest() {
    std::uint64_t largest = 0;
    for (const Counts& blocks : free_) largest += blocks[kMaxOrder];
    Pfn first = end_ - largest * kMaxBlockPages;
    layout_.in_use = {next_, first};
    for (unsigned type = 0; type < kMigrateTypes; ++type) {
      const auto of_type = static_cast<MigrateType>(type);
      if (of_type == MigrateType::Movable) continue;
      for (std::uint64_t i = 0; i < counts(of_type)[kMaxOrder]; ++i) {
        place(first, kMaxOrder, of_type);
        first += kMaxBlockPages;
      }
    }
    if (first != end_) layout_.untouched = PfnRange{first, end_};
  }

  const ZoneShape& shape_;
  BlockCounts free_;
  std::uint64_t whole_ = 0;  // pageblocks that are free, their buddies not
  Pfn next_ = 0;
  Pfn end_ = 0;
  std::vector<Pfn> partial_;
  std::size_t upper_used_ = 0;
  BlockLayout layout_;
};

// Everything from the first usable frame to the last managed one.
BlockLayout all_free(const ZoneStart& zone) {
  const PfnRange span = zone.shape.span;
  const Pfn start = std::max(span.start, kFirstUsable);
  const Pfn end = std::max(start, span.end - (span.size() - zone.shape.managed));
  BlockLayout layout;
  layout.in_use = {end, span.end};
  for (Pfn pfn = start; pfn < end;) {
    if (pfn % kMaxBlockPages == 0 && pfn + kMaxBlockPages <= end) {
      layout.untouched = PfnRange{pfn, head_of(end, kMaxOrder)};
      pfn = layout.untouched->end;
      continue;
    }
    const auto aligned = static_cast<unsigned>(std::countr_zero(pfn));
    const unsigned order = std::min(aligned, static_cast<unsigned>(std::bit_width(end - pfn)) - 1);
    layout.blocks.push_back({pfn, order, MigrateType::Movable});
    pfn += pages_of(order);
  }
  return layout;
}

}  // namespace

Result<BlockLayout> lay_out(const ZoneStart& zone) {
  if (zone.all_free) return all_free(zone);
  return Layout(zone).make();
}

}  // namespace ft::sim::phys
