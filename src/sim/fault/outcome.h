// How an access ended: what the fault handler found and did. Data, whatever it is.
#pragma once

#include <cstdint>

#include "sim/phys/frame_source.h"

namespace ft::sim::fault {

enum class Access : std::uint8_t { Read, Write, Execute };

// The rung of the ladder in mm/memory.c that served the fault.
enum class Kind : std::uint8_t {
  NoFault,        // the entry was present and allowed it
  AnonymousZero,  // do_anonymous_page, read: the shared zero page
  AnonymousPage,  // do_anonymous_page, write: a zeroed page, or a folio of an enabled size
  HugeZero,       // do_huge_pmd_anonymous_page, read
  HugeAnonymous,  // do_huge_pmd_anonymous_page, write
  FileRead,       // do_read_fault, with fault-around
  FileCopy,       // do_cow_fault
  FileShared,     // do_shared_fault
  WriteProtect,   // do_wp_page: copied
  WriteReuse,     // do_wp_page: nobody else had it
  Hugetlb,        // hugetlb_fault
  StackGrowth,    // expand_stack first, then AnonymousPage (reported as that when it is served)
  SegvUnmapped,   // SIGSEGV, SEGV_MAPERR
  SegvAccess,     // SIGSEGV, SEGV_ACCERR
  BusPastEnd,     // SIGBUS: beyond the end of the file
  OutOfMemory,
};

struct Outcome {
  Kind kind = Kind::NoFault;
  unsigned faults = 0;  // page faults the processor took for this access
  bool major = false;
  unsigned order = 0;         // of the folio that became present
  unsigned tables_made = 0;   // page-table pages allocated
  unsigned pages_mapped = 0;  // entries made present, fault-around included

  bool signalled() const {
    return kind == Kind::SegvUnmapped || kind == Kind::SegvAccess || kind == Kind::BusPastEnd;
  }
};

// /sys/kernel/mm/transparent_hugepage
enum class HugeEnabled : std::uint8_t { Never, Madvise, Always, Inherit };

struct HugePages {
  HugeEnabled enabled = HugeEnabled::Madvise;  // the top-level switch
  HugeEnabled by_order[10] = {HugeEnabled::Never,  HugeEnabled::Never, HugeEnabled::Never,
                              HugeEnabled::Never,  HugeEnabled::Never, HugeEnabled::Never,
                              HugeEnabled::Never,  HugeEnabled::Never, HugeEnabled::Never,
                              HugeEnabled::Inherit};  // hugepages-<N>kB/enabled, order 2 to 9
  bool zero_page = true;                              // use_zero_page
};

}  // namespace ft::sim::fault
