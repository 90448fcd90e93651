#include "analysis/thread_index.h"

#include <algorithm>

namespace ft::analysis {

ThreadIndex::ThreadIndex(std::span<const event::Thread> threads) : threads_(threads) {
  for (std::size_t i = 0; i < threads.size(); ++i) {
    by_tid_[threads[i].tid].push_back(static_cast<std::int32_t>(i));
  }
  for (auto& [tid, holders] : by_tid_) {
    std::ranges::stable_sort(holders, {}, [&](std::int32_t i) {
      return threads_[static_cast<std::size_t>(i)].start_ts;
    });
  }
}

std::int32_t ThreadIndex::find(event::Tid tid, Nanoseconds ts) const {
  if (tid == last_tid_ && last_ != kNone) {
    const event::Thread& thread = threads_[static_cast<std::size_t>(last_)];
    if (ts >= thread.start_ts && (thread.end_ts == event::kStillThere || ts <= thread.end_ts)) {
      return last_;
    }
  }
  const auto it = by_tid_.find(tid);
  if (it == by_tid_.end()) return kNone;
  std::int32_t found = it->second.front();
  for (const std::int32_t holder : it->second) {
    if (threads_[static_cast<std::size_t>(holder)].start_ts > ts) break;
    found = holder;
  }
  last_tid_ = tid;
  last_ = found;
  return found;
}

}  // namespace ft::analysis
