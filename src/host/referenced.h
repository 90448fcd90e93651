// ReferencedScan is which areas of a process were used since its pages' "referenced" bits were
// last cleared, as the recorder notes it in a recording.
//
// Source of the fact: Linux fs/proc/task_mmu.c, smaps_account (Referenced) and clear_refs_write. A
// page counts as referenced where the processor has set the accessed bit of its entry, or the
// kernel has marked it so; a huge page counts whole. Pages of a hugetlb pool have no such figure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/range.h"
#include "base/result.h"
#include "base/units.h"
#include "host/smaps.h"

namespace ft::host {

struct ReferencedArea {
  AddressRange range;
  std::uint64_t resident = 0;    // bytes
  std::uint64_t referenced = 0;  // of them
  std::uint64_t huge = 0;        // of the resident: mapped in 2 MiB pages

  bool operator==(const ReferencedArea&) const = default;
};

struct ReferencedScan {
  Nanoseconds interval = 0;           // since the bits were cleared before
  Nanoseconds read = 0;               // what reading smaps took
  Nanoseconds clear = 0;              // writing clear_refs
  Nanoseconds evict = 0;              // turning stale translations out of the TLBs
  std::uint64_t cpus = 0;             // whose TLBs; 0: it could not be done
  std::uint64_t hugetlb = 0;          // bytes in pages of a pool
  std::vector<ReferencedArea> areas;  // those with anything in memory, by address

  bool operator==(const ReferencedScan&) const = default;
};

// Fills in the areas and what is in pools.
void take_areas(std::span<const SmapsEntry> smaps, ReferencedScan& scan);

// The text of a recording's "referenced" snapshot: a line "NAME NUMBER" for each figure, then a
// line "START-END RESIDENT REFERENCED HUGE" for each area, addresses in hexadecimal.
std::string to_text(const ReferencedScan& scan);
// Unknown figures are skipped. Errors: with the line.
Result<ReferencedScan> parse_referenced(std::string_view text,
                                        std::string_view name = "referenced");

}  // namespace ft::host
