#include "sim/replay/flush_events.h"

#include <fmt/format.h>

#include <algorithm>

namespace ft::sim::replay {

FlushEvents::FlushEvents(std::span<const event::TlbFlush> flushes) : recorded_(!flushes.empty()) {
  for (const event::TlbFlush& flush : flushes) {
    if (flush.reason == event::FlushReason::LocalMmShootdown) by_tid_[flush.tid].push_back(flush);
  }
}

FlushList FlushEvents::of(const Step& step) const {
  FlushList list;
  const auto found = by_tid_.find(step.tid);
  if (found == by_tid_.end()) return list;
  const auto first = std::ranges::lower_bound(found->second, step.from, {}, &event::TlbFlush::ts);
  for (auto it = first; it != found->second.end() && it->ts <= step.to; ++it) {
    list.push_back(it->pages);
  }
  return list;
}

FlushList flushes_from(std::span<const tlb::Flush> flushes) {
  static_assert(tlb::kAllPages == event::kFlushAll);
  FlushList list;
  for (const tlb::Flush& flush : flushes) {
    if (flush.kind != tlb::FlushKind::None) list.push_back(flush.pages);
  }
  return list;
}

std::string text_of(const FlushList& flushes) {
  if (flushes.empty()) return "none";
  std::string text;
  for (const std::uint64_t pages : flushes) {
    if (!text.empty()) text += ", ";
    text += pages == event::kFlushAll ? "all"
                                      : fmt::format("{} {}", pages, pages == 1 ? "page" : "pages");
  }
  return text;
}

}  // namespace ft::sim::replay
