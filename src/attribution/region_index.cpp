#include "attribution/region_index.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/check.h"

namespace ft::attribution {

namespace {

// A box that covers more intervals than this goes into the tree.
constexpr std::size_t kLargeBox = 64;

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
  borders_.shrink_to_fit();

  struct Span {
    std::size_t from, to;
    bool large() const { return to - from > kLargeBox; }
  };
  std::vector<Span> spans;
  spans.reserve(entries.size());
  bool any_large = false;
  for (const Entry& entry : entries) {
    const auto interval = [&](std::uint64_t border) {
      return static_cast<std::size_t>(std::ranges::lower_bound(borders_, border) -
                                      borders_.begin());
    };
    spans.push_back({interval(entry.range.start), interval(entry.range.end)});
    any_large = any_large || spans.back().large();
  }
  if (any_large) leaves_ = std::bit_ceil(borders_.size());

  // Two passes over the same visits: count, then place. Entries come by from_ts, so each group's
  // slots do too.
  const auto fill = [&](Groups& groups, std::size_t count, auto for_each_group) {
    groups.begin.assign(count + 1, 0);
    for (const Span& span : spans) {
      for_each_group(span, [&](std::size_t group) { ++groups.begin[group + 1]; });
    }
    std::uint64_t total = 0;
    for (std::uint32_t& begin : groups.begin) {
      total += begin;
      FT_CHECK(total <= std::numeric_limits<std::uint32_t>::max());
      begin = static_cast<std::uint32_t>(total);
    }
    groups.slots.resize(total);
    std::vector<std::uint32_t> next(groups.begin.begin(), groups.begin.end() - 1);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Nanoseconds to = entries[i].to_ts == event::kStillThere
                                 ? std::numeric_limits<Nanoseconds>::max()
                                 : entries[i].to_ts;
      for_each_group(spans[i], [&](std::size_t group) {
        groups.slots[next[group]++] = {entries[i].from_ts, to, entries[i].answer};
      });
    }
  };
  fill(intervals_, borders_.size(), [](const Span& span, auto visit) {
    for (std::size_t i = span.from; !span.large() && i < span.to; ++i) visit(i);
  });
  if (!any_large) return;
  fill(nodes_, 2 * leaves_, [&](const Span& span, auto visit) {
    if (span.large()) for_each_canonical_node(leaves_, span.from, span.to, visit);
  });
}

RegionIndex::RegionIndex(RegionIndex&& other) noexcept
    : borders_(std::move(other.borders_)),
      intervals_(std::move(other.intervals_)),
      leaves_(other.leaves_),
      nodes_(std::move(other.nodes_)) {}

std::uint32_t RegionIndex::Groups::find(std::size_t group, Nanoseconds ts) const {
  const Slot* first = slots.data() + begin[group];
  const Slot* last = slots.data() + begin[group + 1];
  if (first == last) return kNone;
  const Slot* after = std::upper_bound(
      first, last, ts, [](Nanoseconds at, const Slot& slot) { return at < slot.from_ts; });
  return after != first && ts < after[-1].to_ts ? after[-1].answer : kNone;
}

std::size_t RegionIndex::interval_of(std::uint64_t address) const {
  const std::size_t hint = last_.load(std::memory_order_relaxed);
  for (std::size_t i = hint; i < hint + 2 && i + 1 < borders_.size(); ++i) {
    if (address >= borders_[i] && address < borders_[i + 1]) return i;
  }
  // The last border at or below the address, by halving without branches to mispredict.
  const std::uint64_t* base = borders_.data();
  for (std::size_t left = borders_.size(); left > 1;) {
    const std::size_t half = left / 2;
    base += base[half] <= address ? half : 0;
    left -= half;
  }
  return static_cast<std::size_t>(base - borders_.data());
}

std::uint32_t RegionIndex::find(std::uint64_t address, Nanoseconds ts) const {
  if (borders_.empty() || address < borders_.front() || address >= borders_.back()) return kNone;
  const std::size_t interval = interval_of(address);
  last_.store(static_cast<std::uint32_t>(interval), std::memory_order_relaxed);
  std::uint32_t found = intervals_.find(interval, ts);
  if (leaves_ == 0) return found;
  for (std::size_t node = leaves_ + interval; found == kNone && node >= 1; node /= 2) {
    found = nodes_.find(node, ts);
  }
  return found;
}

}  // namespace ft::attribution
