// FaultHandler brings pages in: what happens between an access and the entry that allows it. It is
// the ladder of mm/memory.c handle_mm_fault with one function for each rung, named as in the
// kernel.
//
// Not modelled: khugepaged, swap, NUMA hints, userfaultfd, KSM. Physical memory is never too
// fragmented for a huge page: a frame source that refuses one makes the fault fall back, as in the
// kernel.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/fault/huge_orders.h"
#include "sim/fault/outcome.h"
#include "sim/kernel/behaviour.h"
#include "sim/path/path.h"
#include "sim/virt/address_space.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/invalidation.h"
#include "sim/virt/page_table.h"
#include "sim/virt/vma.h"

namespace ft::sim::fault {

// As getrusage counts them: with those the kernel takes itself for populate and mlock, without
// those that end in a signal.
struct FaultCounts {
  std::uint64_t minor = 0;
  std::uint64_t major = 0;

  bool operator==(const FaultCounts&) const = default;
};

// What makes the kernel itself walk over a range and fault (mm/gup.c).
enum class Populate : std::uint8_t {
  Ignore,  // mmap, mremap, brk: what cannot be had is passed over
  Lock,    // mlock
  Read,    // MADV_POPULATE_READ
  Write,   // MADV_POPULATE_WRITE
};

class FaultHandler {
 public:
  // All outlive the handler.
  struct Surroundings {
    const kernel::Behaviour& behaviour;
    virt::AddressSpace& space;
    virt::PageTable& table;
    virt::InvalidationSink& invalidations;
    const path::Narrator& narrator;
  };

  FaultHandler(Surroundings around, const HugePages& huge_pages);

  // One access of the processor.
  Outcome touch(std::uint64_t address, Access access);

  // 0 or -errno, as the system call returns it.
  std::int64_t populate(AddressRange range, Populate how);

  // MADV_COLLAPSE of a range of one area: 0 or -errno.
  std::int64_t collapse(AddressRange range);

  const FaultCounts& counts() const { return counts_; }

 private:
  enum class Served : std::uint8_t { Yes, Fallback, Segv, Bus, NoMemory };

  Outcome touch_slowly(std::uint64_t address, Access access);
  bool small_anonymous_write(std::uint64_t address, virt::Entry& pte);
  virt::Vma* area_of(std::uint64_t address);
  void want_memory_for(const virt::Vma& vma, std::uint64_t address) {
    around_.table.frames().want({.address = address,
                                 .area_start = vma.range.start,
                                 .page_offset = vma.page_offset,
                                 .advised = (vma.flags & virt::kVmHugePage) != 0});
  }
  Served signal(Outcome& outcome, Kind kind);
  void account(Served served, const Outcome& outcome);

  Served handle_mm_fault(virt::Vma& vma, std::uint64_t address, bool write, Outcome& outcome);
  Served handle_present_huge(virt::Vma& vma, std::uint64_t address, bool write, virt::Entry& pmd,
                             Outcome& outcome);
  Served handle_pte_fault(virt::Vma& vma, std::uint64_t address, bool write, Outcome& outcome);

  // anonymous.cpp
  Served do_anonymous_page(virt::Vma& vma, std::uint64_t address, bool write, Outcome& outcome);
  Served map_anonymous_block(virt::Vma& vma, std::uint64_t address, unsigned order,
                             Outcome& outcome);
  unsigned largest_order_that_fits(const virt::Vma& vma, std::uint64_t address, unsigned orders);
  Served do_huge_pmd_anonymous_page(virt::Vma& vma, std::uint64_t address, bool write,
                                    virt::Entry& pmd, Outcome& outcome);
  void prepare_anon_vma(virt::Vma& vma) {
    if (vma.anon_vma.id == 0) [[unlikely]]
      around_.space.prepare_anon_vma(vma);
  }

  // write_protect.cpp
  Served do_wp_page(virt::Vma& vma, std::uint64_t address, virt::Entry& pte, Outcome& outcome);
  Served wp_page_copy(virt::Vma& vma, std::uint64_t address, virt::Entry& pte, Outcome& outcome);
  Served do_huge_pmd_wp_page(virt::Vma& vma, std::uint64_t address, virt::Entry& pmd,
                             Outcome& outcome);
  bool may_reuse(phys::Pfn pfn) const;

  // file.cpp
  // A block of the page cache (a folio), in pages of the file.
  struct Block {
    std::uint64_t first = 0;
    std::uint64_t end = 0;
    bool fits = false;  // wholly within the area and the pte table of the fault
  };
  static Block block_of(const virt::Vma& vma, std::uint64_t address, std::uint64_t page);
  Block whole_block_at(const virt::Vma& vma, std::uint64_t address, std::uint64_t page);
  bool map_if_free(const virt::Vma& vma, std::uint64_t page, bool write, Outcome& outcome);
  Served do_read_fault(virt::Vma& vma, std::uint64_t address, Outcome& outcome);
  bool do_fault_around(virt::Vma& vma, std::uint64_t address, Outcome& outcome);
  Served do_cow_fault(virt::Vma& vma, std::uint64_t address, Outcome& outcome);
  Served do_shared_fault(virt::Vma& vma, std::uint64_t address, Outcome& outcome);
  bool do_set_pmd(const virt::Vma& vma, std::uint64_t address, bool write, Outcome& outcome);
  Served map_file_page(virt::Vma& vma, std::uint64_t address, bool write, Outcome& outcome);
  // Into the page cache, major where it was not there; false: behind the end of the file.
  bool read_in(const virt::BackingFile& file, std::uint64_t page, Outcome& outcome);
  bool make_pte_table(std::uint64_t address);

  // hugetlb.cpp
  Served hugetlb_fault(virt::Vma& vma, std::uint64_t address, bool write, Outcome& outcome);

  // collapse.cpp
  std::int64_t collapse_block(virt::Vma& vma, std::uint64_t start);

  // populate.cpp
  std::int64_t populate_area(virt::Vma& vma, AddressRange range, bool write);

  void flush_page(std::uint64_t address);

  Surroundings around_;
  HugeOrders orders_;
  bool huge_zero_page_;
  FaultCounts counts_;
  // The area of the last fault.
  virt::Vma* last_area_ = nullptr;
  std::uint64_t last_generation_ = 0;
};

}  // namespace ft::sim::fault
