// mprotect(2): do_mprotect_pkey and mprotect_fixup of mm/mprotect.c.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "sim/virt/address_space.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

// Areas before the first that fails keep their new protection.
Answer AddressSpace::mprotect(std::uint64_t addr, std::uint64_t length, std::uint64_t prot) {
  const std::uint64_t grows = prot & (kProtGrowsDown | kProtGrowsUp);
  prot &= ~(kProtGrowsDown | kProtGrowsUp);
  if (grows == (kProtGrowsDown | kProtGrowsUp)) return {.value = -EINVAL};
  if (addr % kPageSize != 0) return {.value = -EINVAL};
  if (length == 0) return {};
  AddressRange range{addr, addr + page_ceil(length)};
  if (range.end <= range.start) return {.value = -ENOMEM};
  if ((prot & ~(kProtRead | kProtWrite | kProtExec | kProtSem)) != 0) return {.value = -EINVAL};

  Vma* vma = areas_.find_or_next(range.start);
  if (vma == nullptr) return {.value = -ENOMEM};
  if ((grows & kProtGrowsDown) != 0) {
    if (vma->range.start >= range.end) return {.value = -ENOMEM};
    range.start = vma->range.start;
    if ((vma->flags & kVmGrowsDown) == 0) return {.value = -EINVAL};
  } else {
    if (vma->range.start > range.start) return {.value = -ENOMEM};
    if ((grows & kProtGrowsUp) != 0) return {.value = -EINVAL};  // no such area on x86
  }

  Answer answer;
  Gather gather(around_.invalidations, "mprotect");
  Vma* previous = range.start > vma->range.start ? vma : areas_.previous(*vma);
  std::uint64_t at = range.start;
  while (at < range.end) {
    vma = areas_.find(at);
    if (vma == nullptr) {
      around_.narrator.step("do_mprotect_pkey",
                            [&] { return fmt::format("a hole at {:#x}: ENOMEM", at); });
      answer.value = -ENOMEM;
      break;
    }
    const VmFlags flags = flags_of_protection(prot) | (vma->flags & ~kVmAccess);
    int error = 0;
    if ((flags & ~(flags >> 4U) & kVmAccess) != 0) {
      error = EACCES;
    } else {
      const AddressRange part{at, std::min(vma->range.end, range.end)};
      error = change_protection(vma, previous, part, flags, gather, answer);
    }
    if (error != 0) {
      answer.value = -error;
      break;
    }
    previous = vma;
    at = vma->range.end;
  }
  return answer;
}

// mprotect_fixup. `vma` becomes the area that the part is in afterwards.
int AddressSpace::change_protection(Vma*& vma, Vma* previous, AddressRange part, VmFlags flags,
                                    Gather& gather, Answer& answer) {
  const VmFlags old_flags = vma->flags;
  const std::uint64_t pages = part.size() >> kPageShift;
  if ((old_flags & kVmSealed) != 0) return EPERM;
  if (flags == old_flags) return 0;

  bool committed = false;
  if ((flags & kVmWrite) != 0) {
    if (!may_expand(flags, pages) && may_expand(old_flags, pages)) return ENOMEM;
    if ((old_flags & (kVmAccount | kVmWrite | kVmHugetlb | kVmShared | kVmNoReserve)) == 0) {
      if (!commit(pages)) return ENOMEM;
      committed = true;
      flags |= kVmAccount;
    } else {
      around_.narrator.step("mprotect_fixup", [&] {
        return std::string((old_flags & kVmNoReserve) != 0 ? "NORESERVE → not charged"
                                                           : "charged before, or never");
      });
    }
  } else if (around_.behaviour.read_only_gives_back_commitment && (old_flags & kVmAccount) != 0 &&
             vma->anonymous() && vma->anon_vma.id == 0) {
    flags &= ~kVmAccount;
  }

  Vma changed = *vma;
  changed.flags = flags;
  const Modified modified = editor_.modify(previous, *vma, part, changed, limits_.max_map_count);
  if (modified.error != 0) {
    if (committed) give_back(pages);
    return modified.error;
  }
  vma = modified.vma;
  vma->flags = flags | (vma->flags & kVmSticky);
  around_.page_table.change_protection(*vma, part, gather);
  if ((old_flags & kVmAccount) != 0 && (flags & kVmAccount) == 0) {
    give_back(pages);
    around_.narrator.step("mprotect_fixup", [&] {
      return fmt::format("never written to, no longer writable: {} pages given back", pages);
    });
  }
  if ((old_flags & (kVmWrite | kVmShared | kVmLocked)) == kVmLocked && (flags & kVmWrite) != 0) {
    // The kernel writes to these pages before it looks at the next area, which then finds an
    // anon_vma here.
    if ((flags & kVmLockOnFault) == 0) prepare_anon_vma(*vma);
    answer.then.push_back({FollowUp::Kind::Populate, part});
  }
  uncount(old_flags, pages);
  count(flags, pages);
  return 0;
}

}  // namespace ft::sim::virt
