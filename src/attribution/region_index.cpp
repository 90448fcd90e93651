#include "attribution/region_index.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace ft::attribution {

namespace {

// Calls visit(node) for the nodes of a tree with `leaves` leaves that together span exactly the
// leaves [from, to).
template <typename Visit>
void for_each_canonical_node(std::size_t leaves, std::size_t from, std::size_t to, Visit visit) {
  for (from += leaves, to += leaves; from < to; from /= 2, to /= 2) {
    if (from % 2 == 1) visit(from++);
    if (to % 2 == 1) visit(--to);
  }
}

}  // namespace

RegionIndex::RegionIndex(std::span<const Entry> entries) {
  borders_.reserve(2 * entries.size());
  for (const Entry& entry : entries) {
    borders_.push_back(entry.range.start);
    borders_.push_back(entry.range.end);
  }
  std::ranges::sort(borders_);
  borders_.erase(std::ranges::unique(borders_).begin(), borders_.end());
  leaves_ = std::bit_ceil(std::max<std::size_t>(borders_.size(), 1));

  const auto leaf_of = [&](std::uint64_t border) {
    return static_cast<std::size_t>(std::ranges::lower_bound(borders_, border) - borders_.begin());
  };
  // Two passes: count, then place. Entries come by from_ts, so each node's slots do too.
  node_begin_.assign(2 * leaves_ + 1, 0);
  for (const Entry& entry : entries) {
    for_each_canonical_node(leaves_, leaf_of(entry.range.start), leaf_of(entry.range.end),
                            [&](std::size_t node) { ++node_begin_[node + 1]; });
  }
  for (std::size_t i = 1; i < node_begin_.size(); ++i) node_begin_[i] += node_begin_[i - 1];
  slots_.resize(node_begin_.back());
  std::vector<std::uint32_t> next(node_begin_.begin(), node_begin_.end() - 1);
  for (const Entry& entry : entries) {
    const Nanoseconds to =
        entry.to_ts == event::kStillThere ? std::numeric_limits<Nanoseconds>::max() : entry.to_ts;
    for_each_canonical_node(
        leaves_, leaf_of(entry.range.start), leaf_of(entry.range.end),
        [&](std::size_t node) { slots_[next[node]++] = {entry.from_ts, to, entry.answer}; });
  }
}

std::uint32_t RegionIndex::find(std::uint64_t address, Nanoseconds ts) const {
  const auto border = std::ranges::upper_bound(borders_, address);
  if (border == borders_.begin() || border == borders_.end()) return kNone;
  const auto leaf = static_cast<std::size_t>(border - borders_.begin()) - 1;
  for (std::size_t node = leaves_ + leaf; node >= 1; node /= 2) {
    const Slot* begin = slots_.data() + node_begin_[node];
    const Slot* end = slots_.data() + node_begin_[node + 1];
    if (begin == end) continue;
    const Slot* after = std::upper_bound(
        begin, end, ts, [](Nanoseconds at, const Slot& slot) { return at < slot.from_ts; });
    if (after != begin && ts < after[-1].to_ts) return after[-1].answer;
  }
  return kNone;
}

}  // namespace ft::attribution
