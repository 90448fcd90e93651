// Behaviour is how one kernel release treats memory where releases differ. The model asks these
// questions instead of comparing version numbers, so that each difference has a name and one place.
//
// Source: Linux 6.1.192, 6.12.117 and 6.18.35; the file of each difference stands beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ft::sim::kernel {

// Whether an anonymous mapping without a hint is placed on a huge page border (mm/mmap.c
// __get_unmapped_area).
enum class HugeAlignment : std::uint8_t {
  Never,          // 6.1
  AnyLength,      // 6.7 to 6.11: everything of 2 MiB and more
  ExactMultiple,  // 6.12.y, 6.13 and later: only lengths that are a multiple of 2 MiB
};

struct Behaviour {
  std::string_view name;  // "6.1", "6.12", "6.18"
  HugeAlignment anonymous_huge_alignment = HugeAlignment::ExactMultiple;
  // MAP_FIXED over old mappings: unmapped before the new one is tried (6.1), or gathered and
  // replaced once nothing can fail any more (6.12), mm/mmap.c mmap_region.
  bool fixed_unmaps_first = false;
  // MADV_DONTNEED gives back page tables that became empty (CONFIG_PT_RECLAIM, 6.14),
  // mm/pt_reclaim.c.
  bool dontneed_frees_tables = true;
  bool multi_size_huge_pages = true;  // per-size anonymous huge pages (6.8), mm/huge_memory.c
  bool seals = true;                  // mseal (6.10), mm/mseal.c
  bool guard_pages = true;            // MADV_GUARD_INSTALL (6.13), mm/madvise.c
  bool per_vma_lock = true;           // user faults take the area's lock only (6.4), mm/memory.c

  static const Behaviour& linux_6_1();
  static const Behaviour& linux_6_12();
  static const Behaviour& linux_6_18();

  // The behaviour nearest below a release as uname -r prints it: "6.1.0-18-amd64" is 6.1,
  // "6.18.44-fc" is 6.18, "6.9.3" is 6.1 with what came up to 6.9. An error where it is no release,
  // or below 6.1.
  static Result<Behaviour> of_release(std::string_view release);
};

}  // namespace ft::sim::kernel
