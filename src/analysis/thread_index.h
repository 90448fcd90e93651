// ThreadIndex says whose event it was: which thread and process a tid meant at a given time. The
// kernel reuses tids, so the time matters.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "event/event.h"

namespace ft::analysis {

class ThreadIndex {
 public:
  static constexpr std::int32_t kNone = -1;

  explicit ThreadIndex(std::span<const event::Thread> threads);

  // Index into the threads; kNone for a tid that was never seen. An event just outside of a
  // thread's life belongs to the nearest earlier holder of the tid.
  std::int32_t find(event::Tid tid, Nanoseconds ts) const;

  // 0 for a tid that was never seen.
  event::Pid pid_of(event::Tid tid, Nanoseconds ts) const {
    const std::int32_t index = find(tid, ts);
    return index == kNone ? 0 : threads_[static_cast<std::size_t>(index)].pid;
  }

 private:
  std::span<const event::Thread> threads_;
  std::unordered_map<event::Tid, std::vector<std::int32_t>> by_tid_;  // each by start
  mutable event::Tid last_tid_ = -1;  // most events follow one of the same thread
  mutable std::int32_t last_ = kNone;
};

}  // namespace ft::analysis
