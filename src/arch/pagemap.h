// One word of /proc/PID/pagemap: what the kernel tells about one page of a process.
//
// Source: Linux fs/proc/task_mmu.c, Documentation/admin-guide/mm/pagemap.rst.
#pragma once

#include <cstdint>

namespace ft::arch {

struct PagemapWord {
  bool present = false;               // bit 63
  bool swapped = false;               // bit 62: in swap, or being migrated
  bool file_or_shared = false;        // bit 61
  bool guard = false;                 // bit 58, from 6.15 on
  bool uffd_write_protected = false;  // bit 57
  bool exclusive = false;             // bit 56: mapped by this process only
  bool soft_dirty = false;            // bit 55
  std::uint64_t frame = 0;            // present: bits 0 to 54; 0 without CAP_SYS_ADMIN
  unsigned swap_type = 0;             // swapped: bits 0 to 4
  std::uint64_t swap_offset = 0;      // swapped: bits 5 to 54
  std::uint64_t unused = 0;           // bits 59 and 60, at their place: 0 in every kernel so far

  bool operator==(const PagemapWord&) const = default;
};

PagemapWord decode_pagemap(std::uint64_t word);
// REQUIRES: not both present and swapped; the values fit their fields.
std::uint64_t encode_pagemap(const PagemapWord& word);

}  // namespace ft::arch
