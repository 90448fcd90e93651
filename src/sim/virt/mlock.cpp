// mlock(2), mlock2(2), munlock(2): mm/mlock.c.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "sim/virt/address_space.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

namespace {

// The range as the kernel widens it to pages: both ends may wrap.
AddressRange whole_pages(std::uint64_t addr, std::uint64_t length) {
  const std::uint64_t start = page_floor(addr);
  return {start, start + page_ceil(length + addr % kPageSize)};
}

}  // namespace

Answer AddressSpace::mlock(std::uint64_t addr, std::uint64_t length, std::uint64_t flags) {
  if ((flags & ~kMlockOnFault) != 0) return {.value = -EINVAL};
  if (!limits_.may_lock && limits_.memlock == 0) return {.value = -EPERM};
  const AddressRange range = whole_pages(addr, length);
  const std::uint64_t limit = limits_.memlock >> kPageShift;
  std::uint64_t locked = ((range.end - range.start) >> kPageShift) + totals_.locked;
  if (locked > limit && !limits_.may_lock) locked -= locked_pages_in(range);
  if (locked > limit && !limits_.may_lock) {
    around_.narrator.step("do_mlock", [&] {
      return fmt::format("{} pages exceed RLIMIT_MEMLOCK ({}): ENOMEM", locked, limit);
    });
    return {.value = -ENOMEM};
  }
  const VmFlags lock = (flags & kMlockOnFault) != 0 ? kVmLockedMask : kVmLocked;
  if (const int error = lock_range(range, lock)) return {.value = -error};
  Answer answer;
  if (!range.empty()) answer.then.push_back({FollowUp::Kind::Lock, range});
  return answer;
}

Answer AddressSpace::munlock(std::uint64_t addr, std::uint64_t length) {
  return {.value = -lock_range(whole_pages(addr, length), 0)};
}

// apply_vma_lock_flags: what comes before a hole is done, and stays.
int AddressSpace::lock_range(AddressRange range, VmFlags lock_flags) {
  if (range.end < range.start) return EINVAL;
  if (range.empty()) return 0;
  Vma* vma = areas_.find(range.start);
  if (vma == nullptr) return ENOMEM;
  Vma* previous = range.start > vma->range.start ? vma : areas_.previous(*vma);
  std::uint64_t at = range.start;
  while (at < range.end) {
    vma = areas_.find(at);
    if (vma == nullptr) return ENOMEM;
    const AddressRange part{at, std::min(vma->range.end, range.end)};
    const VmFlags old_flags = vma->flags;
    const VmFlags flags = (old_flags & ~kVmLockedMask) | lock_flags;
    if (flags != old_flags && (old_flags & (kVmSpecial | kVmHugetlb | kVmDroppable)) == 0) {
      Vma changed = *vma;
      changed.flags = flags;
      const Modified modified =
          editor_.modify(previous, *vma, part, changed, limits_.max_map_count);
      if (modified.error != 0) return modified.error;
      vma = modified.vma;
      vma->flags = flags | (vma->flags & kVmSticky);
      const std::uint64_t pages = part.size() >> kPageShift;
      if ((flags & kVmLocked) == 0)
        totals_.locked -= pages;
      else if ((old_flags & kVmLocked) == 0)
        totals_.locked += pages;
    }
    previous = vma;
    at = vma->range.end;
  }
  return 0;
}

// count_mm_mlocked_page_nr.
std::uint64_t AddressSpace::locked_pages_in(AddressRange range) const {
  if (range.end < range.start) range.end = ~std::uint64_t{0};
  std::uint64_t bytes = 0;
  for (const Vma* vma = areas_.first_in(range); vma != nullptr && vma->range.start < range.end;
       vma = areas_.next(*vma))
    if ((vma->flags & kVmLocked) != 0) bytes += vma->range.intersection(range).size();
  return bytes >> kPageShift;
}

}  // namespace ft::sim::virt
