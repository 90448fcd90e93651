// PageTable: entries that stay but change.
// Sources: mm/mprotect.c change_pte_range, can_change_pte_writable; mm/huge_memory.c
// change_huge_pmd, can_change_pmd_writable; mm/madvise.c madvise_free_pte_range,
// madvise_cold_or_pageout_pte_range, madvise_guard_install; arch/x86/include/asm/pgtable.h
// pte_modify; arch/x86/include/asm/tlbflush.h pte_flags_need_flush.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/page_table.h"
#include "sim/virt/page_table_walk.h"

namespace ft::sim::virt {

using phys::Frame;
using phys::FrameKind;

namespace {

// _PAGE_CHG_MASK: what an entry keeps when its protection changes.
constexpr Entry kKept = kAccessed | kDirty | kSavedDirty | kSpecial | kLarge;

// Whether TLBs that hold `old` would do harm now. Entries without P are not held by any.
bool needs_flush(Entry old, Entry now) {
  if ((old & kPresent) == 0) return false;
  const Entry difference = old ^ now;
  const Entry cleared = difference & old & (kPresent | kDirty);
  return cleared != 0 || (difference & (kWritable | kUser | kGlobal | kNoExecute)) != 0;
}

}  // namespace

// Not writable any more. Read-only and dirty means shadow stack to the processor, so the dirty bit
// is kept elsewhere meanwhile.
Entry PageTable::write_protected(Entry entry) const {
  entry &= ~kWritable;
  if (behaviour_.saved_dirty && (entry & kDirty) != 0) entry = (entry & ~kDirty) | kSavedDirty;
  return entry;
}

Entry PageTable::changed_protection(const Vma& vma, Entry old, bool huge) const {
  const phys::Pfn pfn = frame_of(old);
  Entry now = make_entry(pfn, (bits_of(old) & kKept) | (page_bits(vma) & ~kKept));
  if ((now & kWritable) != 0) {
    if ((now & kSavedDirty) != 0) now = (now & ~kSavedDirty) | kDirty;
    return now;
  }
  now = write_protected(now);
  if ((vma.flags & kVmWrite) == 0 || (now & kPresent) == 0) return now;
  // can_change_pte_writable: spares the write fault that would only find that nobody else is there.
  if (!behaviour_.clean_pages_get_write_back && (huge || !is_dirty(now))) return now;
  const Frame& frame = frame_table_[pfn];
  const bool upgrade =
      vma.is_private() ? frame.kind == FrameKind::Anonymous && (frame.flags & phys::kExclusive) != 0
                       : is_dirty(now);
  if (!upgrade) return now;
  now |= kWritable;
  if ((now & kSavedDirty) != 0) now = (now & ~kSavedDirty) | kDirty;
  return now;
}

void PageTable::change_protection(const Vma& vma, AddressRange range, Gather& gather) {
  std::uint64_t pages = 0;
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (is_leaf(pmd)) {
      if (part.size() == kHugePageSize) {
        const Entry old = pmd;
        pmd = changed_protection(vma, old, true);
        if (needs_flush(old, pmd)) gather.changed(part, kPmdShift);
        pages += kEntries;
        return;
      }
      split_huge(vma, part.start, pmd, gather);
    }
    if (pmd == 0) return;
    TablePage& table = table_behind(pmd);
    for (std::uint64_t at = part.start; at < part.end; at += kPageSize) {
      Entry& pte = table.entries[index_of(at, kPageShift)];
      if (!is_present(pte)) continue;
      const Entry old = pte;
      pte = changed_protection(vma, old, false);
      if (needs_flush(old, pte)) gather.changed({at, at + kPageSize}, kPageShift);
      ++pages;
    }
  });
  narrator_.step("change_protection", [&] {
    return fmt::format("{:#x}-{:#x}: {} present pages changed", range.start, range.end, pages);
  });
}

void PageTable::mark_lazily_free(const Vma& vma, AddressRange range, Gather& gather) {
  std::uint64_t pages = 0;
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (is_leaf(pmd)) {
      Frame& head = frame_table_[frame_of(pmd)];
      if (head.kind != FrameKind::Anonymous || head.word != 1) return;
      if (part.size() == kHugePageSize) {
        if ((pmd & kAccessed) != 0 || is_dirty(pmd)) {
          gather.at_once(part, kPageShift, "madvise");
          gather.changed(part, kPmdShift);
          pmd &= ~(kAccessed | kDirty | kSavedDirty);
        }
        head.flags |= phys::kLazilyFree;
        pages += kEntries;
        return;
      }
      split_huge(vma, part.start, pmd, gather, Split::WithBlock);
    }
    if (pmd == 0) return;
    TablePage& table = table_behind(pmd);
    for (std::uint64_t at = part.start; at < part.end; at += kPageSize) {
      Entry& pte = table.entries[index_of(at, kPageShift)];
      if (is_swap(pte)) {
        --resident_.swap_entries;
        pte = 0;
        continue;
      }
      if (!is_present(pte)) continue;
      if (frame_table_[frame_of(pte)].kind != FrameKind::Anonymous) continue;
      if (!take_apart_if_partial(vma, range, at, pte)) continue;
      Frame& frame = frame_table_[frame_of(pte)];
      if (frame.kind != FrameKind::Anonymous || frame.map_count != 1) continue;
      if ((pte & kAccessed) != 0 || is_dirty(pte)) {
        pte &= ~(kAccessed | kDirty | kSavedDirty);
        gather.changed({at, at + kPageSize}, kPageShift);
      }
      frame.flags |= phys::kLazilyFree;
      ++pages;
    }
  });
  narrator_.step("madvise_free_pte_range", [&] {
    return fmt::format("{} pages clean and old: still resident, free to be dropped", pages);
  });
}

void PageTable::mark_old(const Vma& vma, AddressRange range, Gather& gather) {
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (is_leaf(pmd)) {
      const Frame& head = frame_table_[frame_of(pmd)];
      if (head.kind == FrameKind::Zero || head.word != 1) return;
      if (part.size() == kHugePageSize) {
        if ((pmd & kAccessed) == 0) return;
        gather.at_once(part, kPageShift, "madvise");
        gather.changed(part, kPmdShift);
        pmd &= ~kAccessed;
        return;
      }
      split_huge(vma, part.start, pmd, gather, Split::WithBlock);
    }
    if (pmd == 0) return;
    TablePage& table = table_behind(pmd);
    for (std::uint64_t at = part.start; at < part.end; at += kPageSize) {
      Entry& pte = table.entries[index_of(at, kPageShift)];
      if (!is_present(pte) || (pte & kAccessed) == 0) continue;
      if (frame_table_[frame_of(pte)].kind == FrameKind::Anonymous &&
          !take_apart_if_partial(vma, range, at, pte))
        continue;
      const Frame& frame = frame_table_[frame_of(pte)];
      if (frame.kind == FrameKind::Zero || frame.map_count != 1) continue;
      pte &= ~kAccessed;
      gather.changed({at, at + kPageSize}, kPageShift);
    }
  });
}

void PageTable::page_out(const Vma& vma, AddressRange range, Gather& gather) {
  const std::uint64_t before = resident_.total();
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (is_leaf(pmd)) {
      const Frame& head = frame_table_[frame_of(pmd)];
      if (head.kind != FrameKind::Anonymous || head.word != 1) return;
      split_huge(vma, part.start, pmd, gather, Split::WithBlock);
    }
    if (pmd == 0) return;
    TablePage& table = table_behind(pmd);
    for (std::uint64_t at = part.start; at < part.end; at += kPageSize) {
      Entry& pte = table.entries[index_of(at, kPageShift)];
      if (!is_present(pte)) continue;
      const Frame& frame = frame_table_[frame_of(pte)];
      if (frame.map_count != 1) continue;
      if (frame.kind == FrameKind::Anonymous && frame.order != 0) {
        take_apart(vma, at, pte);
        continue;
      }
      // mm/rmap.c try_to_unmap_one: nothing of these needs swap.
      const bool lazily_free = frame.kind == FrameKind::Anonymous &&
                               ((vma.flags & kVmDroppable) != 0 ||
                                (!is_dirty(pte) && (frame.flags & phys::kLazilyFree) != 0));
      const bool of_file = frame.kind == FrameKind::File || frame.kind == FrameKind::Shmem;
      if (!lazily_free && !of_file) continue;
      gather.changed({at, at + kPageSize}, kPageShift);
      drop(pte);
    }
  });
  narrator_.step("reclaim_pages", [&] {
    return fmt::format("{:#x}-{:#x}: {} pages unmapped; there is no swap for others", range.start,
                       range.end, before - resident_.total());
  });
}

void PageTable::install_guards(const Vma& vma, AddressRange range, Gather& gather) {
  const std::uint64_t before = resident_.total();
  // The kernel tries to set the guards and drops everything when it meets a page.
  zap(vma, range, gather, Zap::DontNeed);
  gather.finish();
  const TableCounts tables = counts_;
  for (std::uint64_t at = range.start; at < range.end; at += kPageSize) {
    Entry* pte = make_pte(at);
    if (pte == nullptr) return;  // ENOMEM half way, as in the kernel
    if (*pte == 0) *pte = kGuardEntry;
  }
  narrator_.step("madvise_guard_install", [&] {
    return fmt::format("{} guards set, {} pages dropped, {} tables made",
                       range.size() >> kPageShift, before - resident_.total(),
                       counts_.all() - tables.all());
  });
}

void PageTable::remove_guards(const Vma& /*vma*/, AddressRange range) {
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (pmd == 0 || is_leaf(pmd)) return;
    TablePage& table = table_behind(pmd);
    for (std::uint64_t at = part.start; at < part.end; at += kPageSize) {
      Entry& pte = table.entries[index_of(at, kPageShift)];
      if (is_guard(pte)) pte = 0;
    }
  });
}

}  // namespace ft::sim::virt
