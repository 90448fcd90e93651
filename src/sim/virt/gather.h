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

  // A page-table page is given back, to which the entry of level `shift` for `address` pointed
  // (pte_free_tlb: one page of the span, however much the table covered).
  void freed_table(std::uint64_t address, unsigned shift) {
    changed(AddressRange::of_size(address, kPageSize), shift);
    all_.tables_freed = true;
  }

  // A page waits to be freed until TLBs have forgotten it. The kernel's list is bounded: when it is
  // full, TLBs are told at once (mm/mmu_gather.c tlb_next_batch).
  void queue_page() {
    if (++queued_ == kMostQueued) finish();
  }

  // Told by itself and at once, besides what is being gathered (flush_tlb_range).
  void at_once(AddressRange range, unsigned shift, std::string_view cause) {
    sink_.on_invalidation(
        {.span = range, .stride_shift = shift, .tables_freed = false, .cause = cause});
  }

  // Tells what was gathered so far, if anything, and starts anew.
  void finish() {
    if (!all_.span.empty()) sink_.on_invalidation(all_);
    const std::string_view cause = all_.cause;
    all_ = Invalidation{};
    all_.cause = cause;
    queued_ = 0;
  }

 private:
  // 8 within struct mmu_gather, then 10000 / 510 batches of one page each.
  static constexpr unsigned kMostQueued = 8 + (10000 / 510) * 510;

  InvalidationSink& sink_;
  Invalidation all_;
  unsigned queued_ = 0;
};

}  // namespace ft::sim::virt
