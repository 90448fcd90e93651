// What the kernel does about entries that TLBs may still hold: nothing, page by page, or
// everything; on this CPU alone or on others too.
//
// Sources: arch/x86/mm/tlb.c flush_tlb_mm_range, get_flush_tlb_info, flush_tlb_func,
// native_flush_tlb_multi; arch/x86/include/asm/tlb.h tlb_flush. Without INVLPGB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/range.h"

namespace ft::sim::tlb {

// tlb_single_page_flush_ceiling: more entries than that, and all are thrown away.
inline constexpr std::uint64_t kFlushCeiling = 33;
// `pages` of tlb:tlb_flush for a full flush, TLB_FLUSH_ALL.
inline constexpr std::uint64_t kAllPages = ~std::uint64_t{0};

// What became stale, as the mmu_gather hands it over.
struct Stale {
  AddressRange span;           // empty: nothing
  unsigned stride_shift = 12;  // smallest level that changed: 12, 21 or 30
  bool tables_freed = false;   // page-table pages go too
};

// The other CPUs that have used this address space and were not told since (mm_cpumask).
struct OtherCpus {
  unsigned running = 0;
  unsigned lazy = 0;  // run a kernel thread meanwhile
};

enum class FlushKind : std::uint8_t { None, Ranged, Full };

struct Flush {
  FlushKind kind = FlushKind::None;
  // As tlb:tlb_flush has it; entries of the stride's size. 0 where only a table was freed whose own
  // stride is larger than a page: one INVLPG still.
  std::uint64_t pages = 0;
  unsigned interrupts = 0;  // CPUs that are interrupted for it
  AddressRange span;
  unsigned stride_shift = 12;
  std::string_view cause;  // a literal

  bool operator==(const Flush&) const = default;
};

Flush decide(const Stale& stale, OtherCpus others, std::string_view cause);

// One line: "span of 8 pages → ranged, 8 INVLPG, this CPU only".
std::string describe(const Flush& flush);

class FlushLog {
 public:
  void add(const Flush& flush) { flushes_.push_back(flush); }
  const std::vector<Flush>& flushes() const { return flushes_; }
  void clear() { flushes_.clear(); }
  std::uint64_t full() const;
  std::uint64_t ranged() const;

 private:
  std::vector<Flush> flushes_;
};

}  // namespace ft::sim::tlb
