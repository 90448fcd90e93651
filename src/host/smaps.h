// /proc/PID/smaps and smaps_rollup: what of each area is in memory, and how (fs/proc/task_mmu.c
// __show_smap).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/maps.h"
#include "host/vm_flags.h"

namespace ft::host {

// Bytes, except where a comment says otherwise. What a kernel does not print is 0.
struct SmapsCounters {
  std::uint64_t size = 0;
  std::uint64_t kernel_page_size = 0;
  std::uint64_t mmu_page_size = 0;
  std::uint64_t rss = 0;  // without hugetlb pages
  std::uint64_t pss = 0;  // rss, each page divided by the number of processes that map it
  std::uint64_t pss_dirty = 0;
  std::uint64_t pss_anon = 0;  // Pss_Anon, Pss_File, Pss_Shmem: in smaps_rollup only
  std::uint64_t pss_file = 0;
  std::uint64_t pss_shmem = 0;
  std::uint64_t shared_clean = 0;
  std::uint64_t shared_dirty = 0;
  std::uint64_t private_clean = 0;
  std::uint64_t private_dirty = 0;
  std::uint64_t referenced = 0;
  std::uint64_t anonymous = 0;
  std::uint64_t ksm = 0;
  std::uint64_t lazy_free = 0;  // MADV_FREE: still in rss, the kernel may drop it
  std::uint64_t anon_huge_pages = 0;
  std::uint64_t shmem_pmd_mapped = 0;
  std::uint64_t file_pmd_mapped = 0;
  std::uint64_t shared_hugetlb = 0;
  std::uint64_t private_hugetlb = 0;
  std::uint64_t swap = 0;
  std::uint64_t swap_pss = 0;
  std::uint64_t locked = 0;
  std::uint64_t thp_eligible = 0;    // 1 or 0
  std::uint64_t protection_key = 0;  // a number

  // Everything in memory: rss and the hugetlb pages it leaves out.
  std::uint64_t resident() const { return rss + shared_hugetlb + private_hugetlb; }
};

struct SmapsEntry {
  Vma vma;
  SmapsCounters counters;
  VmFlags flags;
};

// Unknown fields are skipped. One allocation an area at most (its name): 50,000 areas take tens of
// milliseconds.
Result<std::vector<SmapsEntry>> parse_smaps(std::string_view text, std::string_view name = "smaps");

// The sums over all areas, as the kernel counts them in one go.
Result<SmapsCounters> parse_smaps_rollup(std::string_view text,
                                         std::string_view name = "smaps_rollup");

}  // namespace ft::host
