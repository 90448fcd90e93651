// PageTable: huge pages of anonymous memory and the tables deposited behind them.
// Sources: mm/huge_memory.c __do_huge_pmd_anonymous_page; mm/khugepaged.c collapse_huge_page.
#include "base/check.h"
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
  for (Entry& pte : table.entries) {
    FT_CHECK(pte == 0 || is_present(pte));
    if (pte != 0) drop(pte);
  }
  forget_cached();
  pool_.give_back(&table);
  deposits_.push_back(frame_of(pmd));
  install_huge(pmd, huge_anonymous_entry(vma, *first), FrameKind::Anonymous);
  return true;
}

}  // namespace ft::sim::virt
