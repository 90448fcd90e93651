#include "analysis/touch_cells.h"

#include <algorithm>
#include <map>

#include "base/units.h"

namespace ft::analysis {

using report::model::TouchCell;

namespace {

constexpr unsigned kHugeOrder = 9;
constexpr unsigned kLargestOrder = 45;  // 2^57 bytes: all there can be

std::uint64_t block_of(std::uint64_t address, unsigned order) {
  return address & ~((kPageSize << order) - 1);
}

// Closes the cells that lie wholly in what a call took away, in order of time.
class Closing {
 public:
  explicit Closing(std::vector<TouchCell>& cells) : cells_(cells) {}

  void open(std::uint32_t index) { open_.emplace(cells_[index].start, index); }

  void apply(const SpaceChange& change) {
    switch (change.kind) {
      case SpaceChange::Kind::Unmap:
      case SpaceChange::Kind::Discard:
        return close(change.range, change.ts);
      case SpaceChange::Kind::Move:
        close({change.to, change.to + change.range.size()}, change.ts);
        return close(change.range, change.ts);
      case SpaceChange::Kind::Reset:
        return close({0, ~std::uint64_t{0}}, change.ts);
      case SpaceChange::Kind::Populate:
        return;
    }
  }

 private:
  void close(AddressRange range, Nanoseconds ts) {
    for (auto it = open_.lower_bound(range.start); it != open_.end() && it->first < range.end;) {
      TouchCell& cell = cells_[it->second];
      const bool whole = cell.start + (kPageSize << cell.order) <= range.end;
      if (whole) cell.until = ts;
      it = whole ? open_.erase(it) : std::next(it);
    }
  }

  std::vector<TouchCell>& cells_;
  std::multimap<std::uint64_t, std::uint32_t> open_;  // by start
};

}  // namespace

TouchCells::TouchCells(Nanoseconds expected_end, std::size_t most)
    : most_(most), finest_ns_(std::max<Nanoseconds>(expected_end / kFinestShare, 1)) {}

std::size_t TouchCells::Hash::operator()(const Key& key) const {
  std::uint64_t hash = key.start * 0x9e3779b97f4a7c15ULL;
  hash ^= static_cast<std::uint64_t>(key.bin) * 0xc2b2ae3d27d4eb4fULL;
  hash ^= (std::uint64_t{key.owner} << 32U | key.thread) * 0x165667b19e3779f9ULL;
  hash ^=
      std::uint64_t{key.order} << 8U | std::uint64_t{key.kind} << 1U | (key.of_subject ? 1U : 0U);
  return hash ^ hash >> 29U;
}

TouchCells::Key TouchCells::key_of(const TouchCell& cell) const {
  return {cell.start, cell.ts / cell_ns_, cell.owner,     cell.thread,
          cell.order, cell.kind,          cell.of_subject};
}

void TouchCells::add(const TouchCell& touch) {
  if (cell_ns_ == 0 && cells_.size() < most_) {
    cells_.push_back(touch);
    return;
  }
  while (cells_.size() >= most_ || cell_ns_ == 0) coarsen();
  put(touch);
}

void TouchCells::put(const TouchCell& touch) {
  TouchCell cell = touch;
  // What is larger by itself (a huge page, the pages of a call) keeps its own size.
  if (cell.order < cell_order_) {
    cell.order = static_cast<std::uint8_t>(cell_order_);
    cell.start = block_of(cell.start, cell_order_);
  }
  const auto [it, added] =
      index_.try_emplace(key_of(cell), static_cast<std::uint32_t>(cells_.size()));
  if (added) {
    cells_.push_back(cell);
    return;
  }
  TouchCell& to = cells_[it->second];
  to.ts = std::min(to.ts, cell.ts);
  to.total_ns += cell.total_ns;
  to.max_ns = std::max(to.max_ns, cell.max_ns);
  to.pages += cell.pages;
  to.faults += cell.faults;
}

void TouchCells::coarsen() {
  constexpr Nanoseconds kLongest = Nanoseconds{1} << 60;
  if (cell_ns_ > kLongest) {  // as many owners and threads as that have nothing in common
    most_ *= 2;
    return;
  }
  if (cell_ns_ == 0) {
    cell_ns_ = finest_ns_;
  } else if (cell_order_ < kHugeOrder) {
    ++cell_order_;
  } else if (cell_order_ < kLargestOrder && cell_order_ - kHugeOrder < 8) {
    ++cell_order_;
    cell_ns_ *= 2;
  } else {
    cell_ns_ *= 2;
    if (cell_order_ < kLargestOrder) ++cell_order_;
  }
  const std::vector<TouchCell> before = std::move(cells_);
  cells_.clear();
  index_.clear();
  for (const TouchCell& cell : before) put(cell);
}

std::vector<TouchCell> TouchCells::finish(std::span<const SpaceChange> changes) {
  index_.clear();
  std::ranges::stable_sort(cells_, {}, &TouchCell::ts);
  Closing closing(cells_);
  std::size_t next = 0;
  for (std::uint32_t i = 0; i < cells_.size(); ++i) {
    while (next < changes.size() && changes[next].ts <= cells_[i].ts)
      closing.apply(changes[next++]);
    if (cells_[i].of_subject) closing.open(i);
  }
  for (; next < changes.size(); ++next) closing.apply(changes[next]);
  return std::move(cells_);
}

}  // namespace ft::analysis
