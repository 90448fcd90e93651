// PageTable: dropping pages, splitting huge entries, giving back tables.
// Sources: mm/memory.c zap_pte_range, free_pgd_range; mm/huge_memory.c zap_huge_pmd,
// __split_huge_pmd_locked; mm/pt_reclaim.c.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "sim/virt/page_table.h"
#include "sim/virt/page_table_walk.h"

namespace ft::sim::virt {

using phys::Frame;
using phys::FrameKind;
using phys::Pfn;

void PageTable::zap(const Vma& vma, AddressRange range, Gather& gather, Zap what) {
  const std::uint64_t before = resident_.total();
  if ((vma.flags & kVmHugetlb) != 0) zap_hugetlb(range, gather);
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (is_leaf(pmd)) {
      if (part.size() == kHugePageSize) {
        const bool anonymous = frame_table_[frame_of(pmd)].kind == FrameKind::Anonymous;
        if (what != Zap::FilePagesOnly || !anonymous) zap_huge(part, pmd, gather);
        return;
      }
      split_huge(vma, part.start, pmd, gather);
    }
    if (pmd != 0) zap_pte_table(part, pmd, gather, what);
  });
  narrator_.step("unmap_page_range", [&] {
    return fmt::format("{:#x}-{:#x}: {} pages dropped", range.start, range.end,
                       before - resident_.total());
  });
}

// True where something had to stay.
bool PageTable::zap_pte_table(AddressRange part, Entry& pmd, Gather& gather, Zap what) {
  TablePage& table = table_behind(pmd);
  bool left = false;
  bool dirty_file_page = false;
  for (std::uint64_t at = part.start; at < part.end; at += kPageSize) {
    Entry& pte = table.entries[index_of(at, kPageShift)];
    if (pte == 0) continue;
    if (!is_present(pte)) {
      if (is_guard(pte) && what != Zap::Unmap) {
        left = true;
        continue;
      }
      if (is_swap(pte)) --resident_.swap_entries;
      pte = 0;
      continue;
    }
    const FrameKind kind = frame_table_[frame_of(pte)].kind;
    if (what == Zap::FilePagesOnly && kind == FrameKind::Anonymous) {
      left = true;
      continue;
    }
    gather.changed({at, at + kPageSize}, kPageShift);
    if (is_dirty(pte) && (kind == FrameKind::File || kind == FrameKind::Shmem))
      dirty_file_page = true;
    drop(pte);
    if (kind != FrameKind::Zero) gather.queue_page();
  }
  // A dirty page of a file may be cleaned as soon as nobody maps it: TLBs forget it first.
  if (dirty_file_page) gather.finish();
  return left;
}

void PageTable::zap_huge(AddressRange part, Entry& pmd, Gather& gather) {
  const Pfn pfn = frame_of(pmd);
  const FrameKind kind = frame_table_[pfn].kind;
  gather.changed(part, kPmdShift);
  *counter_of(kind) -= kEntries;
  if (kind == FrameKind::Anonymous || kind == FrameKind::Zero) drop_deposit();
  pmd = 0;
  unmap_block(pfn);
  if (kind != FrameKind::Zero) gather.queue_page();
}

// Pages of 1 GiB; those of 2 MiB are found as pmd entries.
void PageTable::zap_hugetlb(AddressRange range, Gather& gather) {
  for (std::uint64_t at = range.start; at < range.end;) {
    const Missing found = descend(at, kPudShift);
    const std::uint64_t stop = std::min(block_end(at, found.shift), range.end);
    if (found.slot != nullptr && is_leaf(*found.slot)) {
      const Pfn pfn = frame_of(*found.slot);
      gather.changed({at, stop}, kPudShift);
      *found.slot = 0;
      unmap_block(pfn);
      gather.queue_page();
    }
    at = stop;
  }
}

void PageTable::split_huge(const Vma& vma, std::uint64_t address, Entry& pmd, Gather& gather,
                           Split split) {
  const std::uint64_t start = block_start(address, kPmdShift);
  const Entry old = pmd;
  const Pfn first = frame_of(old);
  Frame& head = frame_table_[first];
  forget_cached();
  // pmdp_invalidate, pmdp_huge_clear_flush: by small pages, so always the whole TLB.
  gather.at_once(AddressRange::of_size(start, kHugePageSize), kPageShift, "split huge page");
  if (head.kind != FrameKind::Anonymous && head.kind != FrameKind::Zero) {
    // A file's page can be had again by a fault.
    *counter_of(head.kind) -= kEntries;
    pmd = 0;
    unmap_block(first);
    narrator_.step("__split_huge_pmd",
                   [&] { return fmt::format("{:#x}: maps a file → entry cleared", start); });
    return;
  }
  withdraw_into(pmd);
  TablePage& table = table_behind(pmd);
  if (head.kind == FrameKind::Zero) {
    const Entry entry = make_entry(phys::kZeroPage, page_bits(vma) | kSpecial);
    for (Entry& pte : table.entries) pte = entry;
    narrator_.step("__split_huge_pmd", [&] {
      return fmt::format("{:#x}: huge zero page → 512 entries of the zero page", start);
    });
    return;
  }
  Entry bits = bits_of(old) & ~kLarge;
  if (split == Split::InPlace && !behaviour_.split_entries_stay_dirty)
    bits &= ~(kDirty | kSavedDirty);
  const auto exclusive = static_cast<std::uint8_t>(head.flags & phys::kExclusive);
  for (unsigned i = 0; i < kEntries; ++i) {
    table.entries[i] = make_entry(first + i, bits);
    Frame& frame = frame_table_[first + i];
    ++frame.map_count;
    frame.flags |= exclusive;
  }
  head.word += kEntries - 1;
  narrator_.step("__split_huge_pmd",
                 [&] { return fmt::format("{:#x}: deposited table taken, 512 entries", start); });
}

void PageTable::split_huge_at(const Vma& vma, std::uint64_t address, Gather& gather) {
  if (address % kHugePageSize == 0) return;
  Entry* pmd = find_pmd(address);
  if (pmd != nullptr && is_leaf(*pmd) && (vma.flags & kVmHugetlb) == 0)
    split_huge(vma, address, *pmd, gather);
}

void PageTable::free_tables(AddressRange range, std::uint64_t floor, std::uint64_t ceiling,
                            Gather& gather) {
  if (range.empty()) return;
  const TableCounts before = counts_;
  free_below(*root_, top_shift(), range, {floor, ceiling}, gather);
  narrator_.step("free_pgtables", [&] {
    return before == counts_
               ? std::string("no table is free: a neighbour needs them, or there is none")
               : fmt::format("{} pte, {} pmd, {} pud tables given back", before.pte - counts_.pte,
                             before.pmd - counts_.pmd, before.pud - counts_.pud);
  });
}

// Gives back each table below `table` whose whole block lies within `bounds`: nobody maps anything
// there any more.
void PageTable::free_below(TablePage& table, unsigned shift, AddressRange range,
                           AddressRange bounds, Gather& gather) {
  for (std::uint64_t at = range.start; at < range.end;) {
    const std::uint64_t stop = std::min(block_end(at, shift), range.end);
    Entry& entry = table.entries[index_of(at, shift)];
    if (entry != 0 && !is_leaf(entry)) {
      if (shift > kPmdShift) free_below(table_behind(entry), shift - 9, {at, stop}, bounds, gather);
      if (block_start(at, shift) >= bounds.start && block_end(at, shift) - 1 <= bounds.end - 1) {
        gather.freed_table(shift == kPmdShift ? block_start(at, shift) : at, shift);
        free_table(entry, shift - 9);
      }
    }
    at = stop;
  }
}

void PageTable::reclaim_tables(AddressRange range, Gather& gather) {
  std::uint64_t freed = 0;
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (pmd == 0 || is_leaf(pmd) || part.size() != kHugePageSize) return;
    const TablePage& table = table_behind(pmd);
    if (std::ranges::any_of(table.entries, [](Entry entry) { return entry != 0; })) return;
    free_table(pmd, kPageShift);
    gather.freed_table(part.start, kPmdShift);
    ++freed;
  });
  if (freed != 0)
    narrator_.step("try_to_free_pte", [&] {
      return fmt::format("{} empty pte tables given back (CONFIG_PT_RECLAIM)", freed);
    });
}

}  // namespace ft::sim::virt
