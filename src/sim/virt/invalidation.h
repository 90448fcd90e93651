// What a change of page tables makes stale in TLBs, told to whoever models them.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/range.h"

namespace ft::sim::virt {

// One gather of mm/mmu_gather.c: everything an operation cleared or changed before it lets others
// go on. Nothing is told where no present entry was touched: then no flush is needed.
struct Invalidation {
  AddressRange span;           // from the lowest to the highest entry that changed
  unsigned stride_shift = 12;  // smallest level changed: 12, 21 or 30
  bool tables_freed = false;   // page-table pages go too: lazy CPUs are not skipped
  std::string_view cause;      // "munmap", "mprotect", "wp fault": a literal
};

class InvalidationSink {
 public:
  virtual ~InvalidationSink() = default;
  virtual void on_invalidation(const Invalidation& invalidation) = 0;
};

}  // namespace ft::sim::virt
