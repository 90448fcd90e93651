// Stacks grow down to where they are touched: lock_mm_and_find_vma of mm/mmap_lock.c,
// expand_downwards and acct_stack_growth of mm/vma.c.
#include <fmt/format.h>

#include <cerrno>

#include "sim/virt/address_space.h"

namespace ft::sim::virt {

Vma* AddressSpace::find_or_grow_stack(std::uint64_t addr) {
  Vma* vma = areas_.find_or_next(addr);
  if (vma == nullptr) return nullptr;
  if (vma->range.start <= addr) return vma;
  if ((vma->flags & kVmGrowsDown) == 0) return nullptr;
  return grow_down(*vma, page_floor(addr)) == 0 ? vma : nullptr;
}

int AddressSpace::grow_down(Vma& vma, std::uint64_t addr) {
  const auto refuse = [&](int error, std::string_view why) {
    around_.narrator.step("expand_downwards",
                          [&] { return fmt::format("no growth to {:#x}: {}", addr, why); });
    return error;
  };
  if (addr < limits_.mmap_min_addr) return refuse(EPERM, "below mmap_min_addr");
  const Vma* previous = areas_.previous(vma);
  if (previous != nullptr && (previous->flags & kVmGrowsDown) == 0 &&
      (previous->flags & kVmAccess) != 0 && addr - previous->range.end < guard_gap())
    return refuse(ENOMEM, "too near the area below");
  prepare_anon_vma(vma);

  const std::uint64_t grow = (vma.range.start - addr) >> kPageShift;
  if (grow > vma.page_offset) return refuse(ENOMEM, "its page offset would be negative");
  if (!may_expand(vma.flags, grow)) return refuse(ENOMEM, "address space or data limit");
  if (vma.range.end - addr > limits_.stack) return refuse(ENOMEM, "RLIMIT_STACK");
  if (!may_lock(vma.flags, grow << kPageShift)) return refuse(ENOMEM, "RLIMIT_MEMLOCK");
  if ((vma.flags & kVmAccount) != 0) {
    if (!commit(grow)) return refuse(ENOMEM, "overcommit");
  } else if (!around_.committed.charge(grow, limits_, totals_.total)) {
    return refuse(ENOMEM, "overcommit");  // charged though the area is not; never given back
  }
  around_.narrator.step("expand_downwards", [&] {
    return fmt::format("stack {:#x}-{:#x} grows by {} pages to {:#x}", vma.range.start,
                       vma.range.end, grow, addr);
  });
  if ((vma.flags & kVmLocked) != 0) totals_.locked += grow;
  count(vma.flags, grow);
  vma.page_offset -= grow;
  areas_.set_range(vma, {addr, vma.range.end});
  return 0;
}

}  // namespace ft::sim::virt
