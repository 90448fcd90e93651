// PageScan tells which pages of a process are in memory or in swap, run by run, from
// /proc/PID/pagemap: by the PAGEMAP_SCAN request where the kernel has it (6.7 and later; it also
// knows huge pages and skips what was never touched), else by reading the words.
//
// Source: Linux fs/proc/task_mmu.c, include/uapi/linux/fs.h,
// Documentation/admin-guide/mm/pagemap.rst.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "base/fd.h"
#include "base/range.h"
#include "base/result.h"

namespace ft::host {

// Neighbouring pages that are alike.
struct PageRun {
  AddressRange range;
  bool present = false;  // has an entry that points to memory, the shared zero page included
  bool swapped = false;  // in swap, or being moved
  bool huge = false;     // mapped by a PMD or PUD entry; never set without PAGEMAP_SCAN
  bool file = false;     // belongs to a file or to shared memory
  bool zero = false;     // the shared zero page: not resident

  bool resident() const { return present && !zero; }
};

class PageScan {
 public:
  // Fails where the process is gone or may not be looked at.
  static Result<PageScan> open(pid_t pid);

  // Whether the kernel has PAGEMAP_SCAN: only then walk() takes ranges with unmapped parts, and
  // tells huge pages and the zero page.
  bool scans() const { return scans_; }

  // Calls visit(run) for the pages of `range` that are present or swapped, by address. Memory is
  // bounded. Without scans() it reads 8 bytes for each page of the range, mapped or not: give it
  // mappings, and not the largest.
  Result<void> walk(AddressRange range, const std::function<void(const PageRun&)>& visit) const;

  // The pagemap word of the page that holds the address; nothing where it has none.
  std::optional<std::uint64_t> word(std::uint64_t address) const;

 private:
  explicit PageScan(Fd file) : file_(std::move(file)) {}
  bool probe();
  Result<void> walk_by_scan(AddressRange range,
                            const std::function<void(const PageRun&)>& visit) const;
  Result<void> walk_by_words(AddressRange range,
                             const std::function<void(const PageRun&)>& visit) const;

  Fd file_;
  bool scans_ = false;
  std::uint64_t wanted_ = 0;  // categories this kernel knows
};

}  // namespace ft::host
