// AllocatorRules is where releases of the page allocator differ, each difference by name.
#pragma once

namespace ft::sim::phys {

// Source: mm/page_alloc.c of Linux 6.1.192, 6.12.117 and 6.18.
struct AllocatorRules {
  // A request whose own lists are empty first claims a whole pageblock, largest block first, then
  // steals the smallest block (6.12.26, 6.15). Before, one step did either and put what it found on
  // the lists of the request's type, whatever the type of its pageblock.
  bool claims_before_stealing = true;
  // Lists per CPU grow and shrink between two limits (6.7); before, one limit from the low
  // watermark.
  bool tunes_cpu_lists = true;
  // A burst of freed blocks of order 1 to 3 is drained once it is larger than a batch and half the
  // lower limit (6.16); before, than a batch.
  bool large_bursts_stay = true;

  static constexpr AllocatorRules linux_6_1() {
    return {.claims_before_stealing = false, .tunes_cpu_lists = false, .large_bursts_stay = false};
  }
  static constexpr AllocatorRules linux_6_12() { return {.large_bursts_stay = false}; }
  static constexpr AllocatorRules linux_6_18() { return {}; }
};

}  // namespace ft::sim::phys
