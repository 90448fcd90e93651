// PageTable: huge pages of anonymous memory and the tables deposited behind them.
// Sources: mm/huge_memory.c __do_huge_pmd_anonymous_page; mm/khugepaged.c collapse_huge_page.
#include <fmt/format.h>

#include "base/check.h"
#include "sim/phys/block_mappings.h"
#include "sim/virt/page_table.h"
#include "sim/virt/page_table_walk.h"

namespace ft::sim::virt {

using phys::Frame;
using phys::FrameKind;
using phys::FrameUse;
using phys::Pfn;

bool PageTable::deposit_table() {
  const std::optional<Pfn> pfn = frames_.allocate(0, FrameUse::PageTable);
  if (!pfn) return false;
  frame_table_[*pfn] = {.kind = FrameKind::PageTable};
  deposits_.push_back(*pfn);
  ++counts_.pte;
  return true;
}

// The deposited table takes the place of the huge entry in `slot`, empty.
void PageTable::withdraw_into(Entry& slot) {
  FT_CHECK(!deposits_.empty());
  const Pfn pfn = deposits_.back();
  deposits_.pop_back();
  frame_table_[pfn].word = reinterpret_cast<std::uint64_t>(pool_.take());
  slot = make_entry(pfn, kTableBits);
}

void PageTable::drop_deposit() {
  FT_CHECK(!deposits_.empty());
  frames_.free(deposits_.back(), 0);
  deposits_.pop_back();
  --counts_.pte;
}

namespace {

std::optional<Pfn> huge_anonymous_block(phys::FrameSource& frames) {
  const std::optional<Pfn> first = frames.allocate(phys::kHugeOrder, FrameUse::Anonymous);
  if (!first) return std::nullopt;
  for (Pfn pfn = *first; pfn < *first + TablePage::kEntries; ++pfn)
    frames.frames()[pfn] = {.kind = FrameKind::Anonymous, .order = phys::kHugeOrder};
  Frame& head = frames.frames()[*first];
  head.word = 1;
  head.flags = phys::kExclusive;
  return first;
}

Entry huge_anonymous_entry(const Vma& vma, Pfn first) {
  Entry bits = PageTable::page_bits(vma) | kLarge;
  if ((vma.flags & kVmWrite) != 0) bits |= kWritable | kDirty;
  return make_entry(first, bits);
}

}  // namespace

bool PageTable::map_huge_anonymous(const Vma& vma, Entry& pmd) {
  const std::optional<Pfn> first = huge_anonymous_block(frames_);
  if (!first) return false;
  if (pmd == 0 && !deposit_table()) {
    frames_.free(*first, phys::kHugeOrder);
    return false;
  }
  install_huge(pmd, huge_anonymous_entry(vma, *first), FrameKind::Anonymous);
  return true;
}

bool PageTable::collapse(const Vma& vma, Entry& pmd) {
  const std::optional<Pfn> first = huge_anonymous_block(frames_);
  if (!first) return false;
  TablePage& table = table_behind(pmd);
  for (unsigned i = 0; i < kEntries; ++i) {
    Entry& pte = table.entries[i];
    if (pte == 0) continue;
    FT_CHECK(is_present(pte));
    if (frame_table_[frame_of(pte)].kind == FrameKind::Anonymous)
      frame_table_[*first + i].flags |= phys::kWritten;
    drop(pte);
  }
  forget_cached();
  pool_.give_back(&table);
  deposits_.push_back(frame_of(pmd));
  install_huge(pmd, huge_anonymous_entry(vma, *first), FrameKind::Anonymous);
  return true;
}

// ---- taking blocks apart: split_folio ----------------------------------------------------------

void PageTable::note_written(std::uint64_t address, Entry leaf) {
  const Pfn first = frame_of(leaf);
  Frame& frame = frame_table_[first];
  if (frame.kind != FrameKind::Anonymous || frame.order == 0) return;
  const bool huge = (leaf & kLarge) != 0;
  frame_table_[huge ? first + index_within(address, kPmdShift) : first].flags |= phys::kWritten;
}

// The block that `pte` maps a part of becomes single pages; those that were never written to become
// the zero page, where the kernel looks for them (mm/migrate.c try_to_map_unused_to_zeropage).
// False, and nothing done, where another process maps it too.
bool PageTable::take_apart(const Vma& vma, std::uint64_t address, Entry pte) {
  const Pfn mapped = frame_of(pte);
  const unsigned order = frame_table_[mapped].order;
  const Pfn head = phys::head_of(mapped, order);
  const Pfn end = head + (Pfn{1} << order);
  const auto mappings = phys::BlockMappings::of(frame_table_, head, order);
  if (mappings.most_of_one > 1 || mappings.whole != 0) return false;
  frame_table_[head].word = 0;
  std::uint64_t zeroed = 0;
  for (Pfn pfn = head; pfn < end; ++pfn) {
    Frame& frame = frame_table_[pfn];
    const bool written = (frame.flags & phys::kWritten) != 0;
    frame.order = 0;
    frame.flags &= static_cast<std::uint8_t>(~phys::kWritten);
    if (frame.map_count == 0) {
      frames_.free(pfn, 0);
      continue;
    }
    const std::uint64_t at = address + (pfn << kPageShift) - (mapped << kPageShift);
    Entry* part = find_pte(at);
    // Moved away by mremap meanwhile: the kernel would find it, the model leaves it as it is.
    if (part == nullptr || !is_present(*part) || frame_of(*part) != pfn) continue;
    if (written || (vma.flags & kVmLocked) != 0 || !behaviour_.split_gives_zeros_back) continue;
    drop(*part);
    *part = make_entry(phys::kZeroPage, page_bits(vma) | kSpecial);
    ++zeroed;
  }
  narrator_.step("split_folio", [&] {
    return fmt::format("block of order {} taken apart, {} pages never written to → zero page",
                       order, zeroed);
  });
  return true;
}

// madvise works on blocks as a whole, and takes apart what sticks out of its range.
bool PageTable::take_apart_if_partial(const Vma& vma, AddressRange range, std::uint64_t address,
                                      Entry pte) {
  const Pfn pfn = frame_of(pte);
  const unsigned order = frame_table_[pfn].order;
  if (order == 0) return true;
  const std::uint64_t size = kPageSize << order;
  const std::uint64_t start = address - ((pfn - phys::head_of(pfn, order)) << kPageShift);
  bool whole = start >= range.start && start + size <= range.end;
  for (std::uint64_t at = start; whole && at < start + size; at += kPageSize) {
    const Entry* part = find_pte(at);
    whole =
        part != nullptr && is_present(*part) &&
        frame_of(*part) == pfn + ((at - start) >> kPageShift) - ((address - start) >> kPageShift);
  }
  return whole || take_apart(vma, address, pte);
}

}  // namespace ft::sim::virt
