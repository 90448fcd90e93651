// PageTable is the tree of page-table pages of one address space: real 64-bit entries with the bits
// the kernel sets, tables made on first need, counts per level.
//
// What the system calls (AddressSpace) and the fault handler ask of it are the operations of
// mm/memory.c, mm/mprotect.c, mm/mremap.c, mm/madvise.c and mm/huge_memory.c on entries. It knows
// nothing of areas beyond those it is handed.
//
// Invariants (verified by check()):
//   - counts() are the tables there are, deposited ones included; pgd and, with 4 levels, p4d are
//     not counted;
//   - resident() is what the leaf entries map;
//   - there is one deposited table behind each huge entry of anonymous memory;
//   - no frame is mapped that is free.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/range.h"
#include "base/units.h"
#include "sim/kernel/behaviour.h"
#include "sim/path/path.h"
#include "sim/phys/frame_source.h"
#include "sim/virt/entry.h"
#include "sim/virt/gather.h"
#include "sim/virt/table_pool.h"
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
  std::uint64_t all() const { return pte + pmd + pud + p4d; }
  bool operator==(const TableCounts&) const = default;
};

// One page as /proc/PID/pagemap and kpageflags tell it (fs/proc/task_mmu.c).
struct PageView {
  bool present = false;         // bit 63; also where PROT_NONE keeps the processor away
  bool swapped = false;         // bit 62
  bool file = false;            // bit 61: of a file or shared memory
  bool guard = false;           // bit 58
  bool exclusive = false;       // bit 56: mapped by this process alone
  unsigned shift = kPageShift;  // of the entry that maps it: 12, 21 or 30
  phys::Pfn pfn = 0;
  Entry entry = 0;  // the leaf, whatever its level

  bool operator==(const PageView&) const = default;
};

// Bytes mapped by huge entries in a range, as smaps has them.
struct HugeBytes {
  std::uint64_t anonymous = 0;  // AnonHugePages
  std::uint64_t shmem = 0;      // ShmemPmdMapped
  std::uint64_t file = 0;       // FilePmdMapped
  std::uint64_t zero = 0;       // the huge zero page: smaps does not count it

  bool operator==(const HugeBytes&) const = default;
};

// What zap leaves behind: MADV_DONTNEED keeps guards, everything that unmaps an area drops them too
// (ZAP_FLAG_DROP_MARKER). Truncation of a file leaves a private mapping's own copies where they are
// when only a hole is punched.
enum class Zap : std::uint8_t { Unmap, DontNeed, FilePagesOnly };

class PageTable {
 public:
  // `levels`: 4 or 5. All outlive the table.
  PageTable(phys::FrameSource& frames, const kernel::Behaviour& behaviour, unsigned levels,
            const path::Narrator& narrator);
  ~PageTable();  // drops what is still mapped, and every table
  PageTable(const PageTable&) = delete;
  PageTable& operator=(const PageTable&) = delete;

  // What the system calls need. `vma` says what the pages are: of a file or anonymous, shared or
  // not.

  // munmap, MAP_FIXED over it, MADV_DONTNEED: drops every page of `range` (mm/memory.c
  // unmap_page_range).
  void zap(const Vma& vma, AddressRange range, Gather& gather, Zap what = Zap::Unmap);
  // After munmap of `range`: gives back the tables nobody needs any more. `floor` and `ceiling` are
  // the end of the area before and the start of the one behind, 0 and ~0 where there is none
  // (mm/memory.c free_pgtables).
  void free_tables(AddressRange range, std::uint64_t floor, std::uint64_t ceiling, Gather& gather);
  // MADV_DONTNEED with CONFIG_PT_RECLAIM: gives back wholly covered, empty pte tables.
  void reclaim_tables(AddressRange range, Gather& gather);
  // mprotect; `vma` has its new flags already.
  void change_protection(const Vma& vma, AddressRange range, Gather& gather);
  // mremap: moves the entries of `from` to `to_start` (mm/mremap.c move_page_tables).
  void move(const Vma& vma, AddressRange from, std::uint64_t to_start, Gather& gather);
  // MADV_FREE: entries become clean and old, and may be dropped later.
  void mark_lazily_free(const Vma& vma, AddressRange range, Gather& gather);
  // MADV_COLD: entries become old (mm/madvise.c madvise_cold_or_pageout_pte_range).
  void mark_old(const Vma& vma, AddressRange range, Gather& gather);
  // MADV_PAGEOUT on a host without swap: pages of files are unmapped, lazily free ones dropped, and
  // blocks taken apart in vain (mm/vmscan.c shrink_folio_list).
  void page_out(const Vma& vma, AddressRange range, Gather& gather);
  // Before an area is split or given another border: a huge entry that `address` lies inside
  // becomes 512 small ones (mm/huge_memory.c split_huge_pmd_address). Nothing where there is none.
  void split_huge_at(const Vma& vma, std::uint64_t address, Gather& gather);
  // MADV_GUARD_INSTALL: every page of `range` becomes a guard, which raises SIGSEGV; what was there
  // is dropped first. Makes the tables it needs (mm/madvise.c madvise_guard_install).
  void install_guards(const Vma& vma, AddressRange range, Gather& gather);
  // MADV_GUARD_REMOVE: guards go, everything else stays.
  void remove_guards(const Vma& vma, AddressRange range);
  // fork: what a child shares with its parent; the parent's private writable entries become
  // read-only (mm/memory.c copy_page_range). Nothing is copied that the child can fault in again by
  // itself (vma_needs_copy). False: memory ran out.
  bool copy_to(PageTable& child, const Vma& vma);
  // The same for callers that gather: fork tells TLBs once, at its end, about everything.
  bool copy_to(PageTable& child, const Vma& vma, Gather& /*gather*/) { return copy_to(child, vma); }

  // What the fault handler needs: where an entry is, the tables above made where asked for.
  // nullptr: not there; of make_*: no memory, or a huge entry stands above.
  Entry* find_pte(std::uint64_t address) {
    if (address >> kRegionShift == cached_region_) [[likely]]
      return &cached_table_->entries[(address >> kPageShift) % kEntries];
    return find_pte_slowly(address);
  }
  Entry* find_pmd(std::uint64_t address) { return find(address, kPmdShift); }
  Entry* find_pud(std::uint64_t address) { return find(address, kPudShift); }
  Entry* make_pte(std::uint64_t address);
  Entry* make_pmd(std::uint64_t address) { return make(address, kPmdShift); }
  Entry* make_pud(std::uint64_t address) { return make(address, kPudShift); }

  // Puts an entry where none was, and counts the page. The frame's mapping is counted by
  // map_frame(), or by whoever made the frame.
  void install(Entry& slot, Entry entry, phys::FrameKind kind) {
    slot = entry;
    *counter_of(kind) += 1;
  }
  // The same for a block of 512 pages; anonymous ones and the huge zero page need a table deposited
  // behind them first.
  void install_huge(Entry& slot, Entry entry, phys::FrameKind kind);
  bool deposit_table();  // false: no memory
  // A zeroed huge page of its own in an empty `pmd`, or in place of the huge zero page, whose
  // deposited table stays. False: no memory, and nothing has changed.
  bool map_huge_anonymous(const Vma& vma, Entry& pmd);
  // The pages of the pte table behind `pmd` become one huge page; the table is deposited behind it
  // (mm/khugepaged.c collapse_huge_page). False: no memory. REQUIRES: every entry is present or 0.
  bool collapse(const Vma& vma, Entry& pmd);
  void map_frame(phys::Pfn pfn);
  // The leaf that maps `address` goes, with its page; the caller tells TLBs.
  void drop(Entry& slot);
  enum class Split : std::uint8_t {
    InPlace,    // the huge entry alone
    WithBlock,  // with the huge page behind it: its entries are made anew, and stay dirty
  };
  // A huge entry becomes 512 small ones, or nothing where it maps a file (__split_huge_pmd).
  void split_huge(const Vma& vma, std::uint64_t address, Entry& pmd, Gather& gather,
                  Split split = Split::InPlace);

  // The processor wrote to a page through `leaf`. Remembered for parts of blocks: a block that is
  // taken apart keeps only those that are not all zero. What is written is taken not to be zero.
  void note_written(std::uint64_t address, Entry leaf);

  // vma->vm_page_prot: what a new entry of this area gets, dirty and private write access apart.
  static Entry page_bits(const Vma& vma);

  const ResidentPages& resident() const { return resident_; }
  const TableCounts& counts() const { return counts_; }
  unsigned levels() const { return levels_; }
  // Of an address; the sign bit, which is the kernel's, left out.
  unsigned address_bits() const { return top_shift() + 8; }
  phys::FrameSource& frames() { return frames_; }

  // What /proc would say. `range` may be large: what is not there is skipped a table at a time.
  PageView view(std::uint64_t address) const;
  // Each page of `range` whose entry is not empty, by address.
  void for_each_page(AddressRange range,
                     const std::function<void(std::uint64_t, const PageView&)>& visit) const;
  std::uint64_t present_pages(AddressRange range) const;
  HugeBytes huge_bytes(AddressRange range) const;
  // Page-table pages that mapping every page of `range` in small pages would still need to make.
  TableCounts missing_tables(AddressRange range) const;

  void check() const;  // expensive

 private:
  static constexpr unsigned kEntries = TablePage::kEntries;
  static constexpr unsigned kPmdShift = 21;
  static constexpr unsigned kPudShift = 30;
  static constexpr unsigned kRegionShift = kPmdShift;

  unsigned top_shift() const { return levels_ == 5 ? 48 : 39; }
  // Where pages of a kind are counted; what is not counted goes where nobody looks.
  std::uint64_t* counter_of(phys::FrameKind kind) {
    switch (kind) {
      case phys::FrameKind::Anonymous:
        return &resident_.anonymous;
      case phys::FrameKind::File:
        return &resident_.file;
      case phys::FrameKind::Shmem:
        return &resident_.shmem;
      default:
        return &uncounted_;
    }
  }
  std::uint64_t* table_counter(unsigned shift);
  TablePage& table_behind(Entry entry) const;
  Entry* find_pte_slowly(std::uint64_t address);
  Entry* find(std::uint64_t address, unsigned shift) const;
  Entry* make(std::uint64_t address, unsigned shift);
  bool make_table(Entry& slot, unsigned shift);
  void free_table(Entry& slot, unsigned shift);
  void withdraw_into(Entry& slot);
  void drop_deposit();
  bool take_apart(const Vma& vma, std::uint64_t address, Entry pte);
  bool take_apart_if_partial(const Vma& vma, AddressRange range, std::uint64_t address, Entry pte);
  void forget_cached() { cached_region_ = ~std::uint64_t{0}; }

  struct Missing {
    Entry* slot = nullptr;
    unsigned shift = 0;  // of the level where it ended
  };
  Missing descend(std::uint64_t address, unsigned shift) const;
  template <typename Visit>
  void for_each_pmd(AddressRange range, Visit visit) const;
  template <typename Visit>
  void for_each_leaf(const TablePage& table, unsigned shift, std::uint64_t start,
                     Visit& visit) const;

  void unmap_frame(phys::Pfn pfn);
  void unmap_block(phys::Pfn pfn);
  bool zap_pte_table(AddressRange part, Entry& pmd, Gather& gather, Zap what);
  void zap_huge(AddressRange part, Entry& pmd, Gather& gather);
  void zap_hugetlb(AddressRange range, Gather& gather);
  void free_below(TablePage& table, unsigned shift, AddressRange range, AddressRange bounds,
                  Gather& gather);
  Entry changed_protection(const Vma& vma, Entry old, bool huge) const;
  void move_ptes(AddressRange part, Entry& from, std::uint64_t to_start, Gather& gather);
  bool move_whole(AddressRange from, std::uint64_t to_start, unsigned shift, Gather& gather);
  bool move_huge(AddressRange from, std::uint64_t to_start, Gather& gather);
  Entry write_protected(Entry entry) const;
  Entry share_with_child(const Vma& vma, Entry& entry) const;
  bool copy_huge(PageTable& child, const Vma& vma, std::uint64_t address, Entry& pmd);
  bool copy_ptes(PageTable& child, const Vma& vma, AddressRange part, Entry& pmd);

  phys::FrameSource& frames_;
  phys::FrameTable& frame_table_;
  const kernel::Behaviour& behaviour_;
  const path::Narrator& narrator_;
  unsigned levels_;
  TablePool pool_;
  TablePage* root_;
  std::vector<phys::Pfn> deposits_;
  ResidentPages resident_;
  std::uint64_t uncounted_ = 0;
  TableCounts counts_;
  // The pte table found last: faults come in neighbourhoods.
  std::uint64_t cached_region_ = ~std::uint64_t{0};
  TablePage* cached_table_ = nullptr;
};

}  // namespace ft::sim::virt
