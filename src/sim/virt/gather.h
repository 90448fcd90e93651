// Gather collects what one operation makes stale, and tells it once, as mmu_gather does
// (mm/mmu_gather.c, include/asm-generic/tlb.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "sim/virt/invalidation.h"

namespace ft::sim::virt {

class Gather {
 public:
  Gather(InvalidationSink& sink, std::string_view cause) : sink_(sink) { all_.cause = cause; }
  ~Gather() { finish(); }
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;

  // A present entry of level `shift` that covers `range` was cleared or changed so that a stale
  // copy would do harm.
  void changed(AddressRange range, unsigned shift) {
    if (all_.span.empty()) {
      all_.span = range;
      all_.stride_shift = shift;
      return;
    }
    all_.span.start = std::min(all_.span.start, range.start);
    all_.span.end = std::max(all_.span.end, range.end);
    all_.stride_shift = std::min(all_.stride_shift, shift);
  }

  // The page-table pages that covered `range` are given back.
  void freed_tables(AddressRange range) {
    all_.tables_freed = true;
    changed(range, all_.span.empty() ? kPageShift : all_.stride_shift);
  }

  // Tells what was gathered so far, if anything, and starts anew.
  void finish() {
    if (!all_.span.empty()) sink_.on_invalidation(all_);
    const std::string_view cause = all_.cause;
    all_ = Invalidation{};
    all_.cause = cause;
  }

 private:
  InvalidationSink& sink_;
  Invalidation all_;
};

}  // namespace ft::sim::virt
