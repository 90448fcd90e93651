// FaultHandler: pages of hugetlbfs. Source: mm/hugetlb.c hugetlb_fault, hugetlb_no_page. The pool
// of pages is the frame source; reservations are the business of mmap.
#include <fmt/format.h>

#include "sim/fault/fault_handler.h"
#include "sim/virt/entry.h"

namespace ft::sim::fault {

using phys::FrameKind;
using phys::Pfn;
using virt::Entry;
using virt::Vma;

FaultHandler::Served FaultHandler::hugetlb_fault(Vma& vma, std::uint64_t address, bool write,
                                                 Outcome& outcome) {
  virt::PageTable& table = around_.table;
  virt::BackingFile& file = *vma.file;
  const std::uint64_t tables = table.counts().all();
  const unsigned shift = file.page_shift();
  Entry* slot = shift == 30 ? table.make_pud(address) : table.make_pmd(address);
  outcome.tables_made += static_cast<unsigned>(table.counts().all() - tables);
  if (slot == nullptr) return Served::NoMemory;
  outcome.kind = Kind::Hugetlb;
  outcome.order = shift - kPageShift;
  if (*slot != 0) {
    // Written to for the first time, and nobody else has it.
    *slot |= virt::kAccessed | (write ? virt::kWritable | virt::kDirty : 0);
    return Served::Yes;
  }
  const std::uint64_t page = vma.page_of(address >> shift << shift);
  if (page >= file.pages()) return Served::Bus;
  phys::FrameSource& frames = table.frames();
  std::optional<Pfn> first;
  if (vma.is_private()) {
    first = frames.allocate(outcome.order, phys::FrameUse::Hugetlb);
    if (first)
      frames.frames()[*first] = {.kind = FrameKind::Hugetlb,
                                 .order = static_cast<std::uint8_t>(outcome.order)};
  } else {
    first = file.frame_of(page, frames);
  }
  if (!first) return Served::Bus;  // the pool is empty: hugetlb_no_page answers with SIGBUS
  frames.frames()[*first].word += 1;
  Entry bits = virt::PageTable::page_bits(vma) | virt::kLarge;
  if (write) bits |= virt::kWritable | virt::kDirty;
  table.install_huge(*slot, virt::make_entry(*first, bits), FrameKind::Hugetlb);
  outcome.pages_mapped += 1U << outcome.order;
  around_.narrator.step("hugetlb_fault", [&] {
    return fmt::format("one page of {} KiB, not counted in RSS", kPageSize << outcome.order >> 10U);
  });
  return Served::Yes;
}

}  // namespace ft::sim::fault
