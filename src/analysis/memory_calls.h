// MemoryCalls holds what each memory system call cost by itself: its duration without the page
// faults its own thread took inside it, which are counted as faults.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "event/event.h"

namespace ft::analysis {

class MemoryCalls {
 public:
  // The calls, by ts; must outlive it.
  explicit MemoryCalls(std::span<const event::Syscall> calls);

  void note_nested_fault(event::Tid tid, Nanoseconds ts, Nanoseconds dur);

  // Of call number `index`: 0 for what is no memory call or has no duration.
  Nanoseconds gross_ns(std::size_t index) const;
  Nanoseconds net_ns(std::size_t index) const { return gross_ns(index) - nested_[index]; }

  // False where no memory call has a duration: a log without times.
  bool timed() const { return timed_; }
  Nanoseconds total_gross_ns() const;
  Nanoseconds total_nested_ns() const;

  static bool is_memory(const event::Syscall& call);

 private:
  std::span<const event::Syscall> calls_;
  std::vector<Nanoseconds> nested_;
  std::unordered_map<event::Tid, std::vector<std::uint32_t>> by_tid_;  // by ts
  bool timed_ = true;
};

}  // namespace ft::analysis
