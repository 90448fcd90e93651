// FaultHandler: writes to what is mapped read-only. Sources: mm/memory.c do_wp_page, wp_page_copy,
// wp_can_reuse_anon_folio; mm/huge_memory.c do_huge_pmd_wp_page, do_huge_zero_wp_pmd.
#include <fmt/format.h>

#include "sim/fault/fault_handler.h"
#include "sim/phys/block_mappings.h"
#include "sim/virt/entry.h"

namespace ft::sim::fault {

using phys::Frame;
using phys::FrameKind;
using phys::Pfn;
using virt::Entry;
using virt::Vma;

namespace {

void make_writable(Entry& entry) {
  entry &= ~virt::kSavedDirty;
  entry |= virt::kWritable | virt::kDirty | virt::kAccessed;
}

}  // namespace

FaultHandler::Served FaultHandler::do_wp_page(Vma& vma, std::uint64_t address, Entry& pte,
                                              Outcome& outcome) {
  if (!vma.is_private()) {
    make_writable(pte);
    outcome.kind = Kind::WriteReuse;
    around_.narrator.step("do_wp_page", [] {
      return std::string("shared: the file system has been told → writable in place");
    });
    return Served::Yes;
  }
  const Pfn pfn = virt::frame_of(pte);
  Frame& frame = around_.table.frames().frames()[pfn];
  if (frame.kind == FrameKind::Anonymous &&
      ((frame.flags & phys::kExclusive) != 0 || may_reuse(pfn))) {
    frame.flags |= phys::kExclusive;
    make_writable(pte);
    outcome.kind = Kind::WriteReuse;
    around_.narrator.step("do_wp_page", [] {
      return std::string("nobody else has the page → writable in place, no copy, no flush");
    });
    return Served::Yes;
  }
  return wp_page_copy(vma, address, pte, outcome);
}

// wp_can_reuse_anon_folio: ours is the only reference left.
bool FaultHandler::may_reuse(Pfn pfn) const {
  const phys::FrameTable& frames = around_.table.frames().frames();
  const Frame& frame = frames[pfn];
  if (frame.order == 0) return frame.map_count == 1;
  if (!around_.behaviour.reuses_part_of_block) return false;
  // The kernel knows for a block whether several processes map it; here the single frames tell.
  const auto mappings =
      phys::BlockMappings::of(frames, phys::head_of(pfn, frame.order), frame.order);
  return mappings.most_of_one <= 1 && mappings.whole == 0;
}

FaultHandler::Served FaultHandler::wp_page_copy(Vma& vma, std::uint64_t address, Entry& pte,
                                                Outcome& outcome) {
  prepare_anon_vma(vma);
  virt::PageTable& table = around_.table;
  phys::FrameSource& frames = table.frames();
  const std::optional<Pfn> pfn = frames.allocate(0, phys::FrameUse::Anonymous);
  if (!pfn) return Served::NoMemory;
  frames.frames()[*pfn] = {.map_count = 1, .kind = FrameKind::Anonymous, .flags = phys::kExclusive};
  const bool zero = frames.frames()[virt::frame_of(pte)].kind == FrameKind::Zero;
  const bool cached_in_tlb = virt::is_accessible(pte);
  table.drop(pte);
  const Entry bits = virt::PageTable::page_bits(vma) | virt::kDirty | virt::kWritable;
  table.install(pte, virt::make_entry(*pfn, bits), FrameKind::Anonymous);
  outcome.kind = Kind::WriteProtect;
  outcome.pages_mapped += 1;
  around_.narrator.step("wp_page_copy", [&] {
    return std::string(zero ? "the zero page → one zeroed page, RSS +1" : "copied to a new page");
  });
  if (cached_in_tlb) {
    around_.narrator.step("ptep_clear_flush",
                          [] { return std::string("the old entry was present → one page"); });
    flush_page(address);
  }
  return Served::Yes;
}

FaultHandler::Served FaultHandler::do_huge_pmd_wp_page(Vma& vma, std::uint64_t address, Entry& pmd,
                                                       Outcome& outcome) {
  virt::PageTable& table = around_.table;
  phys::FrameTable& frames = table.frames().frames();
  Frame& head = frames[virt::frame_of(pmd)];
  const std::uint64_t start = address & ~(kHugePageSize - 1);
  virt::Gather gather(around_.invalidations, "write fault");
  if (head.kind == FrameKind::Anonymous &&
      ((head.flags & phys::kExclusive) != 0 || head.word == 1)) {
    head.flags |= phys::kExclusive;
    make_writable(pmd);
    outcome.kind = Kind::WriteReuse;
    outcome.order = phys::kHugeOrder;
    around_.narrator.step("do_huge_pmd_wp_page", [] {
      return std::string("nobody else has the huge page → writable in place");
    });
    return Served::Yes;
  }
  if (head.kind == FrameKind::Zero && around_.behaviour.huge_zero_becomes_huge &&
      table.map_huge_anonymous(vma, pmd)) {
    gather.at_once(AddressRange::of_size(start, kHugePageSize), kPageShift, "write fault");
    outcome.kind = Kind::HugeAnonymous;
    outcome.order = phys::kHugeOrder;
    outcome.pages_mapped += 512;
    around_.narrator.step("do_huge_zero_wp_pmd", [] {
      return std::string("the huge zero page → one zeroed page of order 9, RSS +512");
    });
    return Served::Yes;
  }
  around_.narrator.step("do_huge_pmd_wp_page",
                        [] { return std::string("shared → split, then copied as small pages"); });
  table.split_huge(vma, address, pmd, gather);
  return Served::Fallback;
}

}  // namespace ft::sim::fault
