// FaultHandler: pages of files and shared memory. Sources: mm/memory.c do_read_fault,
// do_fault_around, do_cow_fault, do_shared_fault, finish_fault, do_set_pmd; mm/filemap.c
// filemap_map_pages; mm/shmem.c shmem_fault.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "sim/fault/fault_handler.h"
#include "sim/virt/entry.h"

namespace ft::sim::fault {

using phys::FrameKind;
using phys::Pfn;
using virt::BackingFile;
using virt::Entry;
using virt::Vma;

namespace {

constexpr std::uint64_t kFaultAroundPages = 16;  // fault_around_bytes, 64 KiB
constexpr std::uint64_t kPagesOfTable = 512;

// The pages that fault-around may map: an aligned window around the fault, cut to the area, to one
// table and to the file.
struct Window {
  std::uint64_t first_address = 0;
  std::uint64_t first_page = 0;
  std::uint64_t end_page = 0;
};

Window window_around(const Vma& vma, std::uint64_t address) {
  const std::uint64_t index = (address >> kPageShift) % kPagesOfTable;
  const std::uint64_t before = (address - vma.range.start) >> kPageShift;
  const std::uint64_t behind = (vma.range.end - page_floor(address)) >> kPageShift;
  const std::uint64_t from =
      std::max(index / kFaultAroundPages * kFaultAroundPages, index - std::min(index, before));
  const std::uint64_t to = std::min({from + kFaultAroundPages, kPagesOfTable, index + behind});
  const std::uint64_t page = vma.page_of(page_floor(address));
  return {.first_address = page_floor(address) - ((index - from) << kPageShift),
          .first_page = page - (index - from),
          .end_page = std::min(page + (to - index), vma.file->pages())};
}

std::uint64_t address_of(const Vma& vma, std::uint64_t page) {
  return vma.range.start + ((page - vma.page_offset) << kPageShift);
}

}  // namespace

FaultHandler::Block FaultHandler::block_of(const Vma& vma, std::uint64_t address,
                                           std::uint64_t page) {
  const unsigned order = vma.file->order_of(page);
  Block block{.first = page >> order << order};
  block.end = block.first + (std::uint64_t{1} << order);
  const AddressRange table =
      AddressRange::of_size(address & ~(kHugePageSize - 1), kHugePageSize).intersection(vma.range);
  const std::uint64_t first = vma.page_of(table.start);
  block.fits = block.first >= first && block.end <= first + (table.size() >> kPageShift);
  return block;
}

// False: no memory. What is mapped already stays. REQUIRES: the table is there.
bool FaultHandler::map_if_free(const Vma& vma, std::uint64_t page, bool write, Outcome& outcome) {
  virt::PageTable& table = around_.table;
  Entry& pte = *table.find_pte(address_of(vma, page));
  if (pte != 0) return true;
  const std::optional<Pfn> pfn = vma.file->frame_of(page, table.frames());
  if (!pfn) return false;  // the model makes frames of cached pages late
  Entry bits = virt::PageTable::page_bits(vma);
  if (write) bits |= virt::kDirty | virt::kWritable;
  table.map_frame(*pfn);
  table.install(pte, virt::make_entry(*pfn, bits), vma.file->frame_kind());
  ++outcome.pages_mapped;
  return true;
}

FaultHandler::Served FaultHandler::do_read_fault(Vma& vma, std::uint64_t address,
                                                 Outcome& outcome) {
  if (do_fault_around(vma, address, outcome)) {
    outcome.kind = Kind::FileRead;
    return Served::Yes;
  }
  const Served served = map_file_page(vma, address, false, outcome);
  if (served == Served::Yes) outcome.kind = Kind::FileRead;
  return served;
}

// True where the page that was asked for is mapped now.
bool FaultHandler::do_fault_around(Vma& vma, std::uint64_t address, Outcome& outcome) {
  BackingFile& file = *vma.file;
  if (file.kind() == virt::FileKind::Special) return false;  // has no map_pages
  const Window window = window_around(vma, address);
  std::uint64_t first = window.first_page;
  while (first < window.end_page && !file.is_cached(first)) ++first;
  if (first >= window.end_page) return false;

  virt::PageTable& table = around_.table;
  const Entry* pmd = table.find_pmd(address);
  if (pmd == nullptr || *pmd == 0) {
    const unsigned order = file.order_of(first);
    const std::uint64_t block_end = ((first >> order) + 1) << order;
    if (around_.behaviour.fault_around_spares_last_block && !file.is_shmem() &&
        block_end > file.pages() - 1)
      return false;
    if (order == phys::kHugeOrder && do_set_pmd(vma, address, false, outcome)) return true;
  }
  if (!make_pte_table(address)) return false;

  const unsigned before = outcome.pages_mapped;
  for (std::uint64_t page = first; page < window.end_page;) {
    const Block block =
        around_.behaviour.maps_whole_blocks ? block_of(vma, address, page) : Block{page, page + 1};
    // A block is mapped whole, also where it reaches out of the window, if that keeps within the
    // area, the table and what is surely before the end of the file.
    const bool whole = block.fits && (file.is_shmem() || block.end < file.pages());
    const std::uint64_t begin = whole ? block.first : page;
    const std::uint64_t end = whole ? block.end : page + 1;
    for (std::uint64_t each = begin; each < end; ++each)
      if (file.is_cached(each) && !map_if_free(vma, each, false, outcome)) break;
    page = end;
  }
  around_.narrator.step("do_fault_around", [&] {
    return fmt::format("{} cached pages of the 64 KiB window mapped",
                       outcome.pages_mapped - before);
  });
  return *table.find_pte(address) != 0;
}

// What finish_fault maps: the page, or the block it is part of where nothing of that is mapped yet
// and it keeps within the area, the table and the file.
FaultHandler::Block FaultHandler::whole_block_at(const Vma& vma, std::uint64_t address,
                                                 std::uint64_t page) {
  const Block alone{.first = page, .end = page + 1, .fits = true};
  const bool may =
      around_.behaviour.maps_whole_blocks || vma.file->kind() == virt::FileKind::SharedAnonymous;
  if (!may) return alone;
  const Block block = block_of(vma, address, page);
  if (!block.fits || (!vma.file->is_shmem() && block.end > vma.file->pages())) return alone;
  for (std::uint64_t each = block.first; each < block.end; ++each)
    if (*around_.table.find_pte(address_of(vma, each)) != 0) return alone;
  return block;
}

bool FaultHandler::read_in(const BackingFile& file, std::uint64_t page, Outcome& outcome) {
  if (page >= file.pages()) {
    around_.narrator.step("filemap_fault", [&] {
      return fmt::format("page {} is behind the end ({} pages) → SIGBUS", page, file.pages());
    });
    return false;
  }
  if (!file.is_cached(page) && !file.is_shmem()) outcome.major = true;
  return true;
}

// The one page that was asked for: __do_fault brings it in, finish_fault maps it.
FaultHandler::Served FaultHandler::map_file_page(Vma& vma, std::uint64_t address, bool write,
                                                 Outcome& outcome) {
  BackingFile& file = *vma.file;
  const std::uint64_t page = vma.page_of(page_floor(address));
  if (!read_in(file, page, outcome)) return Served::Bus;
  virt::PageTable& table = around_.table;
  const std::optional<Pfn> pfn = file.frame_of(page, table.frames());
  if (!pfn) return Served::NoMemory;
  const Entry* pmd = table.find_pmd(address);
  if (pmd != nullptr && *pmd == 0 && file.order_of(page) == phys::kHugeOrder &&
      do_set_pmd(vma, address, write, outcome))
    return Served::Yes;
  if (!make_pte_table(address)) return Served::NoMemory;
  const Block block = whole_block_at(vma, address, page);
  for (std::uint64_t each = block.first; each < block.end; ++each)
    if (!map_if_free(vma, each, write, outcome)) return Served::NoMemory;
  around_.narrator.step("finish_fault", [&] {
    return fmt::format("{} of the file mapped{}",
                       block.end - block.first == 1
                           ? fmt::format("page {}", page)
                           : fmt::format("pages {} to {}", block.first, block.end - 1),
                       write ? ", writable" : "");
  });
  return Served::Yes;
}

// A block of 2 MiB in the page cache is mapped whole where it lines up with the area.
bool FaultHandler::do_set_pmd(const Vma& vma, std::uint64_t address, bool write, Outcome& outcome) {
  BackingFile& file = *vma.file;
  const std::uint64_t start = address & ~(kHugePageSize - 1);
  if ((vma.flags & virt::kVmNoHugePage) != 0 || start < vma.range.start ||
      start + kHugePageSize > vma.range.end)
    return false;
  const std::uint64_t page = vma.page_of(start);
  if (page % kPagesOfTable != 0) return false;
  if (!file.is_shmem() && page + kPagesOfTable > file.pages()) return false;
  virt::PageTable& table = around_.table;
  const std::optional<Pfn> first = file.frame_of(page, table.frames());
  if (!first || table.frames().frames()[*first].order != phys::kHugeOrder) return false;
  Entry bits = virt::PageTable::page_bits(vma) | virt::kLarge;
  if (write) bits |= virt::kDirty | virt::kWritable;
  table.frames().frames()[*first].word += 1;
  table.install_huge(*table.find_pmd(address), virt::make_entry(*first, bits), file.frame_kind());
  outcome.order = phys::kHugeOrder;
  outcome.pages_mapped += kPagesOfTable;
  around_.narrator.step("do_set_pmd", [&] {
    return fmt::format("pages {} to {} of the file mapped by one entry", page,
                       page + kPagesOfTable - 1);
  });
  return true;
}

FaultHandler::Served FaultHandler::do_cow_fault(Vma& vma, std::uint64_t address, Outcome& outcome) {
  prepare_anon_vma(vma);
  BackingFile& file = *vma.file;
  const std::uint64_t page = vma.page_of(page_floor(address));
  if (!read_in(file, page, outcome)) return Served::Bus;
  virt::PageTable& table = around_.table;
  phys::FrameSource& frames = table.frames();
  if (!file.frame_of(page, frames)) return Served::NoMemory;
  const std::optional<Pfn> copy = frames.allocate(0, phys::FrameUse::Anonymous);
  if (!copy) return Served::NoMemory;
  frames.frames()[*copy] = {
      .map_count = 1, .kind = FrameKind::Anonymous, .flags = phys::kExclusive};
  if (!make_pte_table(address)) {
    frames.free(*copy, 0);
    return Served::NoMemory;
  }
  const Entry bits = virt::PageTable::page_bits(vma) | virt::kDirty | virt::kWritable;
  table.install(*table.find_pte(address), virt::make_entry(*copy, bits), FrameKind::Anonymous);
  outcome.kind = Kind::FileCopy;
  outcome.pages_mapped += 1;
  around_.narrator.step("do_cow_fault", [&] {
    return fmt::format("page {} of the file copied: anonymous from now on, no fault-around", page);
  });
  return Served::Yes;
}

FaultHandler::Served FaultHandler::do_shared_fault(Vma& vma, std::uint64_t address,
                                                   Outcome& outcome) {
  const Served served = map_file_page(vma, address, true, outcome);
  if (served == Served::Yes) outcome.kind = Kind::FileShared;
  return served;
}

}  // namespace ft::sim::fault
