// PageTable: entries that go elsewhere: mremap and fork.
// Sources: mm/mremap.c move_page_tables; mm/memory.c copy_page_range; mm/huge_memory.c
// copy_huge_pmd, move_huge_pmd.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "sim/virt/page_table.h"
#include "sim/virt/page_table_walk.h"

namespace ft::sim::virt {

using phys::Frame;
using phys::FrameKind;

// ---- mremap ------------------------------------------------------------------------------------

namespace {

// How far a step goes at a level: to the next border of either side, or the end (get_extent).
std::uint64_t extent_of(std::uint64_t from, std::uint64_t end, std::uint64_t to, unsigned shift) {
  return std::min({block_end(from, shift) - from, end - from, block_end(to, shift) - to});
}

}  // namespace

void PageTable::move(const Vma& vma, AddressRange from, std::uint64_t to_start, Gather& gather) {
  forget_cached();
  std::uint64_t to = to_start;
  std::uint64_t extent = 0;
  for (std::uint64_t at = from.start; at < from.end; at += extent, to += extent) {
    extent = extent_of(at, from.end, to, kPudShift);
    const Entry* old_pud = find_pud(at);
    if (old_pud == nullptr || *old_pud == 0) continue;
    if (make_pud(to) == nullptr) return;
    const AddressRange giga{at, at + extent};
    if (giga.size() == std::uint64_t{1} << kPudShift && move_whole(giga, to, kPudShift, gather))
      continue;

    extent = extent_of(at, from.end, to, kPmdShift);
    const AddressRange part{at, at + extent};
    Entry* old_pmd = find_pmd(at);
    if (old_pmd == nullptr || *old_pmd == 0) continue;
    if (make_pmd(to) == nullptr) return;
    const bool whole = extent == kHugePageSize;
    if (is_leaf(*old_pmd)) {
      if (whole && move_huge(part, to, gather)) continue;
      split_huge(vma, at, *old_pmd, gather);
    } else if (whole && move_whole(part, to, kPmdShift, gather)) {
      continue;
    }
    if (*old_pmd != 0) move_ptes(part, *old_pmd, to, gather);
  }
}

// A table changes its place in the tree, with all that is below.
bool PageTable::move_whole(AddressRange from, std::uint64_t to_start, unsigned shift,
                           Gather& gather) {
  Entry* source = find(from.start, shift);
  Entry* target = find(to_start, shift);
  FT_CHECK(source != nullptr && target != nullptr);
  if (*target != 0) return false;
  std::swap(*source, *target);
  gather.at_once(from, kPageShift, "mremap");
  narrator_.step(shift == kPmdShift ? "move_normal_pmd" : "move_normal_pud", [&] {
    return fmt::format("{:#x}: the whole table moves to {:#x}", from.start, to_start);
  });
  return true;
}

bool PageTable::move_huge(AddressRange from, std::uint64_t to_start, Gather& gather) {
  Entry* source = find_pmd(from.start);
  Entry* target = find_pmd(to_start);
  if (*target != 0) return false;
  std::swap(*source, *target);
  if (is_accessible(*target)) gather.at_once(from, kPageShift, "mremap");
  narrator_.step("move_huge_pmd",
                 [&] { return fmt::format("{:#x} moves to {:#x}", from.start, to_start); });
  return true;
}

void PageTable::move_ptes(AddressRange part, Entry& from, std::uint64_t to_start, Gather& gather) {
  if (make_pte(to_start) == nullptr) return;
  TablePage& source = table_behind(from);
  bool present = false;
  std::uint64_t to = to_start;
  for (std::uint64_t at = part.start; at < part.end; at += kPageSize, to += kPageSize) {
    Entry& old = source.entries[index_of(at, kPageShift)];
    if (old == 0) continue;
    present |= is_present(old);
    Entry* pte = find_pte(to);
    FT_CHECK(*pte == 0);
    std::swap(*pte, old);
  }
  if (present) gather.at_once(part, kPageShift, "mremap");
}

// ---- fork --------------------------------------------------------------------------------------

bool PageTable::copy_to(PageTable& child, const Vma& vma) {
  // vma_needs_copy: what no anonymous page was ever put into comes back by faults.
  if (vma.anon_vma.id == 0 && (vma.flags & (kVmPfnMap | kVmMixedMap | kVmMaybeGuard)) == 0) {
    narrator_.step("copy_page_range", [&] {
      return fmt::format("{:#x}-{:#x}: nothing of its own → not copied", vma.range.start,
                         vma.range.end);
    });
    return true;
  }
  const std::uint64_t before = child.resident_.total();
  for (std::uint64_t at = vma.range.start; at < vma.range.end;) {
    const Missing found = descend(at, kPmdShift);
    const AddressRange part{at, std::min(block_end(at, found.shift), vma.range.end)};
    // The child gets every table that is here, even where nothing is below.
    if (child.make(at, found.shift) == nullptr) return false;
    if (found.slot != nullptr && *found.slot != 0) {
      const bool done = is_leaf(*found.slot) ? copy_huge(child, vma, at, *found.slot)
                                             : copy_ptes(child, vma, part, *found.slot);
      if (!done) return false;
    }
    at = part.end;
  }
  narrator_.step("copy_page_range", [&] {
    return fmt::format("{:#x}-{:#x}: {} pages shared with the child", vma.range.start,
                       vma.range.end, child.resident_.total() - before);
  });
  return true;
}

// What the child gets for `entry`; the parent's becomes read-only where a write must copy.
Entry PageTable::share_with_child(const Vma& vma, Entry& entry) const {
  const bool copy_on_write = (vma.flags & (kVmShared | kVmMayWrite)) == kVmMayWrite;
  if (copy_on_write && (entry & kWritable) != 0) entry = write_protected(entry);
  Entry copy = entry & ~kAccessed;
  if (!vma.is_private()) copy &= ~(kDirty | kSavedDirty);
  return copy;
}

// A file's huge page is left to the child's own faults.
bool PageTable::copy_huge(PageTable& child, const Vma& vma, std::uint64_t address, Entry& pmd) {
  Frame& head = frame_table_[frame_of(pmd)];
  if (head.kind == FrameKind::File || head.kind == FrameKind::Shmem) return true;
  Entry* slot = child.make_pmd(address);
  if (slot == nullptr) return false;
  const bool deposit = head.kind != FrameKind::Hugetlb;
  if (deposit && !child.deposit_table()) return false;
  if (head.kind != FrameKind::Zero) {
    ++head.word;
    head.flags &= static_cast<std::uint8_t>(~phys::kExclusive);
  }
  child.install_huge(*slot, share_with_child(vma, pmd), head.kind);
  return true;
}

bool PageTable::copy_ptes(PageTable& child, const Vma& vma, AddressRange part, Entry& pmd) {
  // The child gets a table even where this one is empty.
  if (child.make_pte(part.start) == nullptr) return false;
  TablePage& table = table_behind(pmd);
  for (std::uint64_t at = part.start; at < part.end; at += kPageSize) {
    Entry& pte = table.entries[index_of(at, kPageShift)];
    if (pte == 0) continue;
    Entry& copy = *child.find_pte(at);
    if (!is_present(pte)) {
      copy = pte;
      if (is_swap(pte)) ++child.resident_.swap_entries;
      continue;
    }
    const phys::Pfn pfn = frame_of(pte);
    Frame& frame = frame_table_[pfn];
    frame.flags &= static_cast<std::uint8_t>(~phys::kExclusive);
    child.map_frame(pfn);
    child.install(copy, share_with_child(vma, pte), frame.kind);
  }
  return true;
}

}  // namespace ft::sim::virt
