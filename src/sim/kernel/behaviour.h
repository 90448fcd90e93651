// Behaviour is how one kernel release treats memory where releases differ. The model asks these
// questions instead of comparing version numbers, so that each difference has a name and one place.
//
// Source: Linux 6.1.192, 6.12.117 and 6.18; the file of each difference stands beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ft::sim::kernel {

// Whether an anonymous mapping without a hint is placed on a huge page border (mm/mmap.c
// __get_unmapped_area).
enum class HugeAlignment : std::uint8_t {
  Never,          // 6.1
  AnyLength,      // 6.7 to 6.11: everything of 2 MiB and more
  ExactMultiple,  // 6.12.y, 6.13 and later: only lengths that are a multiple of 2 MiB
};

struct Behaviour {
  std::string_view name = "6.18";  // "6.1", "6.12", "6.18"

  // Placement.
  HugeAlignment anonymous_huge_alignment = HugeAlignment::ExactMultiple;
  // A search with a huge page of padding which ends on a border by itself takes the upper of the
  // two places (6.7), mm/huge_memory.c __thp_get_unmapped_area.
  bool padded_search_takes_upper = true;
  // MAP_STACK sets VM_NOHUGEPAGE (6.7), include/linux/mman.h calc_vm_flag_bits.
  bool stack_maps_refuse_huge_pages = true;
  bool droppable_maps = true;  // MAP_DROPPABLE (6.11), mm/mmap.c do_mmap

  // MAP_FIXED over old mappings: unmapped before the new one is tried (6.1), or gathered and
  // replaced once nothing can fail any more (6.12), mm/mmap.c mmap_region.
  bool fixed_unmaps_first = false;

  // Joining of areas.
  // One with an anon_vma joins a neighbour that has none yet (6.16), mm/vma.c
  // is_mergeable_anon_vma.
  bool faulted_joins_unfaulted = true;
  // A new area is tried with the one behind it first, and must then fit the one before with that
  // one's anon_vma (up to 6.11), mm/mmap.c mmap_region.
  bool new_area_tries_next_first = false;

  // mprotect that takes write away gives back the commitment of an area that was never written to
  // (6.5), mm/mprotect.c mprotect_fixup.
  bool read_only_gives_back_commitment = true;
  // mprotect that gives write back makes an exclusive anonymous page writable at once also where it
  // is clean, as MADV_FREE leaves it, and also a huge one (6.2); before, dirty small pages only.
  // mm/mprotect.c can_change_pte_writable, mm/huge_memory.c change_huge_pmd.
  bool clean_pages_get_write_back = true;

  // mremap.
  // MREMAP_FIXED without a change of size moves a range of many areas (6.17), mm/mremap.c
  // remap_move; with it all arguments are checked before any area is looked up.
  bool moves_many_areas = true;
  // MREMAP_DONTUNMAP is careful with what it leaves behind (repaired in 6.1.y and 6.12.y, not in
  // 6.18.44): a locked source is split first, so that only what was moved loses its lock; locked
  // pages are counted once; an emptied source takes the page offset of its address; it does not
  // join the copy beside it. mm/mremap.c move_vma.
  bool dontunmap_tidies_source = false;

  // madvise.
  // One gather for all areas of MADV_DONTNEED and MADV_FREE (6.16), mm/madvise.c.
  bool discards_in_one_gather = true;
  // MADV_POPULATE_* walks the areas as other advices do, so that a hole is passed over and told at
  // the end (up to 6.8), mm/madvise.c madvise_populate.
  bool populate_passes_holes = false;
  // MADV_DONTNEED gives back page tables that became empty (CONFIG_PT_RECLAIM, 6.14),
  // mm/pt_reclaim.c.
  bool dontneed_frees_tables = true;
  bool guard_pages = true;  // MADV_GUARD_INSTALL (6.13), mm/madvise.c
  // Guards also in areas of files and in read-only ones (6.15).
  bool guard_pages_in_files = true;
  // An area that had guards put into it is marked for good, and so is whatever it joins (6.18.y):
  // fork copies its tables even where it has no anon_vma. Before, installing one gave it an
  // anon_vma. mm/madvise.c, VM_MAYBE_GUARD.
  bool guards_are_flagged = true;

  // Page-table entries.
  // A dirty entry that loses write access keeps the fact in bit 58 (6.6), arch/x86/include/asm/
  // pgtable.h pte_mksaveddirty.
  bool saved_dirty = true;
  // A write to the huge zero page gets a huge page at once, not 512 small entries first (6.13),
  // mm/huge_memory.c do_huge_zero_wp_pmd.
  bool huge_zero_becomes_huge = true;
  // The small entries that a huge one is split into stay dirty (6.4). Before, they come out clean:
  // the page remembers instead. mm/huge_memory.c __split_huge_pmd_locked.
  bool split_entries_stay_dirty = true;
  // A huge page that is split gives those of its pages back that hold only zeros (6.12): the zero
  // page is mapped instead. Before, all 512 stay. mm/migrate.c try_to_map_unused_to_zeropage.
  bool split_gives_zeros_back = true;
  // A block collapses also where no page of it is writable (6.18), mm/khugepaged.c
  // hpage_collapse_scan_pmd.
  bool collapses_read_only_blocks = true;

  // Page cache: a fault maps the whole block (folio) it meets, not only the window of fault-around
  // or a single page (6.18), mm/filemap.c filemap_map_folio_range, mm/memory.c finish_fault.
  bool maps_whole_blocks = true;
  // Fault-around leaves a block that ends with the file to the fault itself while there is no
  // table, so that what lies behind the end stays out of reach (6.12.y, 6.18). Before, a read
  // behind the end maps the file's last page on its way to SIGBUS. mm/filemap.c filemap_map_pages.
  bool fault_around_spares_last_block = true;

  // A part of a larger anonymous block is reused by a write when no other process maps the block
  // any more (6.15), mm/memory.c __wp_can_reuse_large_anon_folio.
  bool reuses_part_of_block = true;

  bool multi_size_huge_pages = true;  // per-size anonymous huge pages (6.8), mm/huge_memory.c
  bool seals = true;                  // mseal (6.10), mm/mseal.c
  // A sealed read-only anonymous area takes no guards (6.17), mm/madvise.c can_madvise_modify.
  bool seals_keep_guards_out = true;
  bool per_vma_lock = true;  // user faults take the area's lock only (6.4), mm/memory.c

  // status shows resident pages exactly (6.16): before, each processor kept a batch of them to
  // itself (6.2), or each thread what its last 64 faults changed (6.1), fs/proc/task_mmu.c
  // task_mem.
  bool exact_resident_counts = true;

  // Build options, not releases: names of anonymous areas (CONFIG_ANON_VMA_NAME), and huge pages
  // (CONFIG_TRANSPARENT_HUGEPAGE), which a real-time kernel cannot have (mm/Kconfig). Without them
  // the advices about them are none, and no area is placed for them.
  bool anonymous_names = false;
  bool transparent_huge_pages = true;

  static const Behaviour& linux_6_1();
  static const Behaviour& linux_6_12();
  static const Behaviour& linux_6_18();

  // The behaviour nearest below a release as uname -r prints it: "6.1.0-18-amd64" is 6.1,
  // "6.18.44-fc" is 6.18, "6.9.3" is 6.1 with what came up to 6.9. An error where it is no release,
  // or below 6.1.
  static Result<Behaviour> of_release(std::string_view release);
};

}  // namespace ft::sim::kernel
