// FaultHandler: memory that belongs to no file. Sources: mm/memory.c do_anonymous_page,
// alloc_anon_folio; mm/huge_memory.c do_huge_pmd_anonymous_page.
#include <fmt/format.h>

#include <bit>

#include "sim/fault/fault_handler.h"
#include "sim/virt/entry.h"

namespace ft::sim::fault {

using phys::FrameKind;
using phys::Pfn;
using virt::Entry;
using virt::Vma;

namespace {

// Whether the aligned block of 2^order pages around `address` lies in the area
// (thp_vma_suitable_order).
bool block_fits(const Vma& vma, std::uint64_t address, unsigned order) {
  const std::uint64_t size = kPageSize << order;
  const std::uint64_t start = address & ~(size - 1);
  return start >= vma.range.start && start + size <= vma.range.end;
}

}  // namespace

FaultHandler::Served FaultHandler::do_anonymous_page(Vma& vma, std::uint64_t address, bool write,
                                                     Outcome& outcome) {
  virt::PageTable& table = around_.table;
  Entry* pte = table.make_pte(address);
  if (pte == nullptr) return Served::NoMemory;
  if (!write) {
    const Entry bits = virt::PageTable::page_bits(vma) | virt::kSpecial;
    table.install(*pte, virt::make_entry(phys::kZeroPage, bits), FrameKind::Zero);
    outcome.kind = Kind::AnonymousZero;
    outcome.pages_mapped += 1;
    around_.narrator.step("do_anonymous_page",
                          [] { return std::string("read → the shared zero page, RSS +0"); });
    return Served::Yes;
  }
  prepare_anon_vma(vma);
  unsigned order = largest_order_that_fits(vma, address, orders_.allowed(vma) & ~kHugeOrderBit);
  for (;;) {
    const Served served = map_anonymous_block(vma, address, order, outcome);
    if (served == Served::Yes || order == 0) return served;
    order = 0;
  }
}

// The largest size whose block lies in the area, in one table, and is empty (alloc_anon_folio).
unsigned FaultHandler::largest_order_that_fits(const Vma& vma, std::uint64_t address,
                                               unsigned orders) {
  while (orders != 0) {
    const auto order = static_cast<unsigned>(std::bit_width(orders)) - 1;
    const std::uint64_t size = kPageSize << order;
    const std::uint64_t start = address & ~(size - 1);
    bool fits = block_fits(vma, address, order);
    for (std::uint64_t at = start; fits && at < start + size; at += kPageSize)
      fits = *around_.table.find_pte(at) == 0;
    if (fits) return order;
    orders &= ~(1U << order);
  }
  return 0;
}

FaultHandler::Served FaultHandler::map_anonymous_block(Vma& vma, std::uint64_t address,
                                                       unsigned order, Outcome& outcome) {
  virt::PageTable& table = around_.table;
  phys::FrameSource& frames = table.frames();
  const std::optional<Pfn> first = frames.allocate(order, phys::FrameUse::Anonymous);
  if (!first) return Served::NoMemory;
  const std::uint64_t pages = std::uint64_t{1} << order;
  const std::uint64_t start = address & ~((kPageSize << order) - 1);
  const Entry bits = virt::PageTable::page_bits(vma) | virt::kDirty | virt::kWritable;
  for (std::uint64_t i = 0; i < pages; ++i) {
    frames.frames()[*first + i] = {.map_count = 1,
                                   .kind = FrameKind::Anonymous,
                                   .order = static_cast<std::uint8_t>(order),
                                   .flags = phys::kExclusive};
    table.install(*table.find_pte(start + (i << kPageShift)), virt::make_entry(*first + i, bits),
                  FrameKind::Anonymous);
  }
  if (order != 0) frames.frames()[*first].word = pages;
  outcome.kind = Kind::AnonymousPage;
  outcome.order = order;
  outcome.pages_mapped += static_cast<unsigned>(pages);
  around_.narrator.step("do_anonymous_page", [&] {
    return order == 0 ? std::string("write → one zeroed page, order 0, RSS +1")
                      : fmt::format("write → {} zeroed pages at {:#x}, order {}, RSS +{}", pages,
                                    start, order, pages);
  });
  return Served::Yes;
}

FaultHandler::Served FaultHandler::do_huge_pmd_anonymous_page(Vma& vma, std::uint64_t address,
                                                              bool write, Entry& pmd,
                                                              Outcome& outcome) {
  if (!block_fits(vma, address, phys::kHugeOrder)) {
    around_.narrator.step("do_huge_pmd_anonymous_page", [&] {
      return fmt::format("the 2 MiB block at {:#x} sticks out of the area → small pages",
                         address & ~(kHugePageSize - 1));
    });
    return Served::Fallback;
  }
  prepare_anon_vma(vma);
  virt::PageTable& table = around_.table;
  if (!write && huge_zero_page_) {
    if (!table.deposit_table()) return Served::NoMemory;
    const Entry bits = virt::PageTable::page_bits(vma) | virt::kLarge;
    table.install_huge(pmd, virt::make_entry(phys::kHugeZeroPage, bits), FrameKind::Zero);
    outcome.kind = Kind::HugeZero;
    outcome.order = phys::kHugeOrder;
    outcome.pages_mapped += 512;
    around_.narrator.step("do_huge_pmd_anonymous_page", [] {
      return std::string("read → the huge zero page, RSS +0, one pte table deposited");
    });
    return Served::Yes;
  }
  if (!table.map_huge_anonymous(vma, pmd)) {
    around_.narrator.step("do_huge_pmd_anonymous_page",
                          [] { return std::string("no block of order 9 → small pages"); });
    return Served::Fallback;
  }
  outcome.kind = Kind::HugeAnonymous;
  outcome.order = phys::kHugeOrder;
  outcome.pages_mapped += 512;
  around_.narrator.step("do_huge_pmd_anonymous_page", [] {
    return std::string("write → one zeroed page of order 9, RSS +512, one pte table deposited");
  });
  return Served::Yes;
}

}  // namespace ft::sim::fault
