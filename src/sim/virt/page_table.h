// PageTable is the tree of page-table pages of one address space: real 64-bit entries with the bits
// the kernel sets, tables made on first need, counts per level.
//
// What the system calls (AddressSpace) and the fault handler ask of it are the operations of
// mm/memory.c, mm/mprotect.c, mm/mremap.c and mm/madvise.c on entries. It knows nothing of areas
// beyond those it is handed.
#pragma once

#include <cstdint>

#include "sim/virt/gather.h"
#include "sim/virt/vma.h"

namespace ft::sim::virt {

// Pages of an address space by what they hold (enum MM_* of include/linux/mm_types_task.h).
struct ResidentPages {
  std::uint64_t file = 0;
  std::uint64_t anonymous = 0;
  std::uint64_t shmem = 0;
  std::uint64_t swap_entries = 0;

  std::uint64_t total() const { return file + anonymous + shmem; }
  bool operator==(const ResidentPages&) const = default;
};

// Page-table pages by level. VmPTE counts pte + pmd + pud, never p4d and pgd.
struct TableCounts {
  std::uint64_t pte = 0;  // with those deposited behind huge pages
  std::uint64_t pmd = 0;
  std::uint64_t pud = 0;
  std::uint64_t p4d = 0;

  std::uint64_t vm_pte_bytes() const { return (pte + pmd + pud) * kPageSize; }
  bool operator==(const TableCounts&) const = default;
};

class PageTable {
 public:
  // What the system calls need. `vma` says what the pages are: of a file or anonymous, shared or
  // not.

  // munmap, MAP_FIXED over it, MADV_DONTNEED: drops every page of `range` (mm/memory.c
  // unmap_page_range).
  void zap(const Vma& vma, AddressRange range, Gather& gather);
  // After munmap of `range`: gives back the tables nobody needs any more. `floor` and `ceiling` are
  // the end of the area before and the start of the one behind (mm/memory.c free_pgtables).
  void free_tables(AddressRange range, std::uint64_t floor, std::uint64_t ceiling, Gather& gather);
  // MADV_DONTNEED with CONFIG_PT_RECLAIM: gives back wholly covered, empty pte tables.
  void reclaim_tables(AddressRange range, Gather& gather);
  // mprotect; `vma` has its new flags already.
  void change_protection(const Vma& vma, AddressRange range, Gather& gather);
  // mremap: moves the entries of `from` to `to_start` in `to` (mm/mremap.c move_page_tables).
  void move(const Vma& vma, AddressRange from, std::uint64_t to_start, Gather& gather);
  // MADV_FREE: entries become clean and old, and may be dropped later.
  void mark_lazily_free(const Vma& vma, AddressRange range, Gather& gather);
  // MADV_COLD: entries become old (mm/madvise.c madvise_cold_or_pageout_pte_range).
  void mark_old(const Vma& vma, AddressRange range, Gather& gather);
  // Before an area is split or given another border: a huge entry that `address` lies inside
  // becomes 512 small ones (mm/huge_memory.c split_huge_pmd_address). Nothing where there is none.
  void split_huge_at(const Vma& vma, std::uint64_t address, Gather& gather);
  // MADV_GUARD_INSTALL: every page of `range` becomes a guard, which raises SIGSEGV; what was there
  // is dropped first. Makes the tables it needs (mm/madvise.c madvise_guard_install).
  void install_guards(const Vma& vma, AddressRange range, Gather& gather);
  // MADV_GUARD_REMOVE: guards go, everything else stays.
  void remove_guards(const Vma& vma, AddressRange range);
  // fork: what a child shares with its parent; the parent's private writable entries become
  // read-only (mm/memory.c copy_page_range).
  void copy_to(PageTable& child, const Vma& vma, Gather& gather);
};

}  // namespace ft::sim::virt
