// FaultHandler: MADV_COLLAPSE of anonymous memory. Source: mm/khugepaged.c madvise_collapse,
// hpage_collapse_scan_pmd, collapse_huge_page. Files are refused, which the kernel may not do.
#include <cerrno>

#include <fmt/format.h>

#include "sim/fault/fault_handler.h"
#include "sim/virt/entry.h"

namespace ft::sim::fault {

using virt::Entry;
using virt::Vma;

std::int64_t FaultHandler::collapse(AddressRange range) {
  Vma* vma = area_of(range.start);
  if (vma == nullptr) return -ENOMEM;
  const auto up = [](std::uint64_t at) { return (at + kHugePageSize - 1) & ~(kHugePageSize - 1); };
  const auto down = [](std::uint64_t at) { return at & ~(kHugePageSize - 1); };
  constexpr virt::VmFlags kNever = virt::kVmNoHugePage | virt::kVmHugetlb | virt::kVmIo;
  const bool holds_a_block = up(vma->range.start) + kHugePageSize <= vma->range.end;
  if (!vma->anonymous() || (vma->flags & kNever) != 0 || !holds_a_block) return -EINVAL;
  std::int64_t result = 0;
  for (std::uint64_t at = up(range.start); at < down(range.end); at += kHugePageSize) {
    const Entry* pmd = around_.table.find_pmd(at);
    // SCAN_PMD_NONE, unlike a missing table (SCAN_PMD_NULL), ends the call.
    if (pmd != nullptr && *pmd == 0) return -EINVAL;
    const std::int64_t error = collapse_block(*vma, at);
    if (error == -ENOMEM) return error;
    if (error != 0) result = error;
  }
  return result;
}

std::int64_t FaultHandler::collapse_block(Vma& vma, std::uint64_t start) {
  virt::PageTable& table = around_.table;
  Entry* pmd = table.find_pmd(start);
  if (pmd == nullptr) return -EINVAL;
  if ((*pmd & virt::kLarge) != 0) return 0;
  bool writable = false;
  for (std::uint64_t at = start; at < start + kHugePageSize; at += kPageSize) {
    const Entry pte = *table.find_pte(at);
    if (pte == 0) continue;
    if (!virt::is_accessible(pte)) return -EINVAL;
    writable |= (pte & virt::kWritable) != 0;
  }
  if (!writable && !around_.behaviour.collapses_read_only_blocks) return -EINVAL;
  const std::uint64_t before = table.resident().anonymous;
  want_memory_for(vma, start);
  if (!table.collapse(vma, *pmd)) return -ENOMEM;
  around_.invalidations.on_invalidation({.span = AddressRange::of_size(start, kHugePageSize),
                                         .stride_shift = kPageShift,
                                         .tables_freed = false,
                                         .cause = "collapse"});
  around_.narrator.step("collapse_huge_page", [&] {
    return fmt::format("{:#x}: copied to one page of order 9, RSS +{}", start,
                       table.resident().anonymous - before);
  });
  return 0;
}

}  // namespace ft::sim::fault
