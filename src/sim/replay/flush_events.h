// TLB flushes as tlb:tlb_flush tells them, for one call or fault, recorded and by the model.
//
// Compared is what the thread's own processor flushed for its own address space (reason "local mm
// shootdown"): others follow by interrupt, late and not at all where they are idle.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "event/event.h"
#include "sim/replay/step.h"
#include "sim/tlb/flush.h"

namespace ft::sim::replay {

using FlushList = std::vector<std::uint64_t>;  // pages of each; event::kFlushAll: everything

class FlushEvents {
 public:
  explicit FlushEvents(std::span<const event::TlbFlush> flushes);

  // False where the recording has none at all: the backend did not see them.
  bool recorded() const { return recorded_; }
  // Those of the step's thread while it lasted.
  FlushList of(const Step& step) const;

 private:
  std::map<event::Tid, std::vector<event::TlbFlush>> by_tid_;
  bool recorded_ = false;
};

FlushList flushes_from(std::span<const tlb::Flush> flushes);

std::string text_of(const FlushList& flushes);  // "none", "8 pages", "all, 1 page"

}  // namespace ft::sim::replay
