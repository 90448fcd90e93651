// FaultHandler: the kernel faults by itself over a range. Sources: mm/gup.c __mm_populate,
// populate_vma_page_range, faultin_page_range; mm/mlock.c __mlock_posix_error_return; mm/madvise.c
// madvise_populate.
#include <cerrno>

#include <fmt/format.h>

#include <algorithm>

#include "sim/fault/fault_handler.h"
#include "sim/virt/entry.h"

namespace ft::sim::fault {

using virt::Entry;
using virt::Vma;

namespace {

constexpr virt::VmFlags kNoPages = virt::kVmIo | virt::kVmPfnMap;

// check_vma_flags for MADV_POPULATE_*: no rights are forced.
bool populate_allowed(const Vma& vma, bool write) {
  return (vma.flags & kNoPages) == 0 && (vma.flags & (write ? virt::kVmWrite : virt::kVmRead)) != 0;
}

}  // namespace

std::int64_t FaultHandler::populate(AddressRange range, Populate how) {
  const FaultCounts before = counts_;
  std::int64_t error = 0;
  std::uint64_t at = range.start;
  while (at < range.end && error == 0) {
    Vma* vma = area_of(at);
    if (how == Populate::Read || how == Populate::Write) {
      if (vma == nullptr) {
        error = -ENOMEM;
      } else if (!populate_allowed(*vma, how == Populate::Write)) {
        error = -EINVAL;
      } else {
        const std::uint64_t stop = std::min(range.end, vma->range.end);
        error = populate_area(*vma, {at, stop}, how == Populate::Write);
        at = stop;
      }
      continue;
    }
    if (vma == nullptr) {
      const Vma* next = around_.space.areas().first_in({at, range.end});
      if (next == nullptr) break;
      at = next->range.start;
      continue;
    }
    const std::uint64_t stop = std::min(range.end, vma->range.end);
    const AddressRange part{at, stop};
    at = stop;
    if ((vma->flags & (kNoPages | virt::kVmLockOnFault)) != 0) continue;
    if ((vma->flags & virt::kVmAccess) == 0) {
      error = -EFAULT;
    } else {
      const virt::VmFlags kind = vma->flags & (virt::kVmWrite | virt::kVmShared);
      error = populate_area(*vma, part, kind == virt::kVmWrite);
    }
    if (how == Populate::Ignore) error = 0;
  }
  around_.narrator.step("__mm_populate", [&] {
    return fmt::format("{:#x}-{:#x}: {} faults taken by the kernel itself", range.start, range.end,
                       counts_.minor + counts_.major - before.minor - before.major);
  });
  if (how != Populate::Lock) return error;
  if (error == -EFAULT) return -ENOMEM;
  return error == -ENOMEM ? -EAGAIN : error;
}

// __get_user_pages: asks for each page whether it is there, and faults where it is not.
std::int64_t FaultHandler::populate_area(Vma& vma, AddressRange range, bool write) {
  virt::PageTable& table = around_.table;
  for (std::uint64_t at = range.start; at < range.end;) {
    const Entry* entry = table.find_pte(at);
    unsigned shift = kPageShift;
    if (entry == nullptr) {
      entry = table.find_pmd(at);
      shift = 21;
      if (entry == nullptr && (vma.flags & virt::kVmHugetlb) != 0) {
        entry = table.find_pud(at);
        shift = 30;
      }
    }
    const bool there = entry != nullptr && virt::is_present(*entry) &&
                       (shift == kPageShift || (*entry & virt::kLarge) != 0) &&
                       (!write || (*entry & virt::kWritable) != 0);
    if (there) {
      at = ((at >> shift) + 1) << shift;
      continue;
    }
    Outcome outcome;
    const Served served = handle_mm_fault(vma, at, write, outcome);
    account(served, outcome);
    switch (served) {
      case Served::Segv:
      case Served::Bus:
        return -EFAULT;
      case Served::NoMemory:
        return -ENOMEM;
      default:
        break;
    }
  }
  return 0;
}

}  // namespace ft::sim::fault
