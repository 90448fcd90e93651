// Advices of madvise(2) that act on the pages of an area and leave its flags alone (mm/madvise.c).
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "sim/virt/address_space.h"
#include "sim/virt/advice_range.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

namespace {

// Whether a whole huge page fits into the area (thp_vma_suitable_order at its end). An area below
// 2 MiB passes, in the kernel too: its subtraction wraps around.
bool holds_huge_page(const Vma& vma) {
  const std::uint64_t block = (vma.range.end & ~(kHugePageSize - 1)) - kHugePageSize;
  if (block < vma.range.start || block + kHugePageSize > vma.range.end) return false;
  return vma.anonymous() ||
         ((vma.range.start >> kPageShift) - vma.page_offset) % (kHugePageSize >> kPageShift) == 0;
}

// thp_vma_allowable_order for MADV_COLLAPSE.
bool may_collapse(const Vma& vma) {
  if ((vma.flags & (kVmNoHugePage | kVmSpecial | kVmHugetlb)) != 0) return false;
  if (!holds_huge_page(vma)) return false;
  if (vma.anonymous()) return vma.anon_vma.id != 0;
  return vma.file->is_shmem();
}

// madvise_collapse: whole blocks inside of the range. A range without even one border in it is an
// error, one that is a single border is not.
int collapse_blocks(AddressRange range, Answer& answer) {
  const AddressRange blocks{(range.start + kHugePageSize - 1) & ~(kHugePageSize - 1),
                            range.end & ~(kHugePageSize - 1)};
  if (blocks.start > blocks.end) return EINVAL;
  if (!blocks.empty()) answer.then.push_back({FollowUp::Kind::Collapse, blocks});
  return 0;
}

}  // namespace

bool AddressSpace::acts_on_pages(int advice) {
  switch (advice) {
    case kAdviseRemove:
    case kAdviseWillNeed:
    case kAdviseCold:
    case kAdvisePageOut:
    case kAdviseFree:
    case kAdviseDontNeed:
    case kAdviseDontNeedLocked:
    case kAdviseCollapse:
    case kAdviseGuardInstall:
    case kAdviseGuardRemove:
    case kAdvisePopulateRead:
    case kAdvisePopulateWrite:
      return true;
    default:
      return false;
  }
}

int AddressSpace::advise_pages(AdviceRange& on, Answer& answer) {
  const VmFlags flags = on.vma->flags;
  const auto later = [&](FollowUp::Kind kind) { answer.then.push_back({kind, on.part}); };
  const bool off_the_lists = (flags & (kVmLocked | kVmPfnMap | kVmHugetlb)) != 0;
  switch (on.advising.advice) {
    case kAdviseRemove:
      if ((flags & kVmLocked) != 0 || on.vma->anonymous() || !on.vma->may_split()) return EINVAL;
      if ((flags & kVmShared) == 0 || (flags & kVmMayWrite) == 0) return EACCES;
      later(FollowUp::Kind::PunchHole);
      return 0;
    case kAdviseWillNeed:
      if (!on.vma->anonymous() && on.vma->file->kind() == FileKind::Regular)
        later(FollowUp::Kind::ReadAhead);
      return 0;
    case kAdviseCold: {
      if (off_the_lists) return EINVAL;
      Gather gather(around_.invalidations, "madvise");
      around_.page_table.mark_old(*on.vma, on.part, gather);
      return 0;
    }
    case kAdvisePageOut:
      if (off_the_lists) return EINVAL;
      later(FollowUp::Kind::PageOut);
      return 0;
    case kAdviseCollapse:
      return may_collapse(*on.vma) ? collapse_blocks(on.part, answer) : EINVAL;
    case kAdviseGuardInstall:
    case kAdviseGuardRemove:
      return guard(on);
    case kAdvisePopulateRead:
    case kAdvisePopulateWrite:
      return populate_part(*on.vma, on.part, on.advising.advice == kAdvisePopulateWrite, answer);
    default:
      return discard(on);
  }
}

// madvise_dontneed_free.
int AddressSpace::discard(AdviceRange& on) {
  const int advice = on.advising.advice;
  const VmFlags flags = on.vma->flags;
  if ((flags & kVmHugetlb) != 0) {
    const std::uint64_t size = std::uint64_t{1} << on.vma->file->page_shift();
    if (advice == kAdviseFree || on.part.start % size != 0) return EINVAL;
    on.part.end -= on.part.end % size;
    if (on.part.empty()) return 0;
  } else if ((flags & kVmPfnMap) != 0 ||
             ((flags & kVmLocked) != 0 && advice != kAdviseDontNeedLocked)) {
    return EINVAL;
  }
  if (advice == kAdviseFree) {
    if (!on.vma->anonymous()) return EINVAL;
    around_.page_table.mark_lazily_free(*on.vma, on.part, on.gather);
    return 0;
  }
  around_.page_table.zap(*on.vma, on.part, on.gather, Zap::DontNeed);
  if (around_.behaviour.dontneed_frees_tables && (flags & kVmHugetlb) == 0)
    around_.page_table.reclaim_tables(on.part, on.gather);
  return 0;
}

// madvise_guard_install, madvise_guard_remove.
int AddressSpace::guard(AdviceRange& on) {
  const bool install = on.advising.advice == kAdviseGuardInstall;
  const VmFlags flags = on.vma->flags;
  if ((flags & (kVmSpecial | kVmHugetlb)) != 0) return EINVAL;
  if (install && (flags & kVmLocked) != 0) return EINVAL;
  if (!around_.behaviour.guard_pages_in_files &&
      (!on.vma->anonymous() || (flags & kVmMayWrite) == 0))
    return EINVAL;
  if (!install) {
    around_.page_table.remove_guards(*on.vma, on.part);
    return 0;
  }
  // So that fork copies the guards.
  if (around_.behaviour.guards_are_flagged) on.vma->flags |= kVmMaybeGuard;
  if (on.vma->anonymous() || !around_.behaviour.guards_are_flagged) prepare_anon_vma(*on.vma);
  Gather gather(around_.invalidations, "madvise");
  around_.page_table.install_guards(*on.vma, on.part, gather);
  return 0;
}

// madvise_populate: what lies before a hole, or before an area that does not allow it, is done.
Answer AddressSpace::populate(AddressRange range, bool write) const {
  Answer answer;
  for (std::uint64_t at = range.start; at < range.end;) {
    const Vma* vma = areas_.find(at);
    if (vma == nullptr) {
      answer.value = -ENOMEM;
      return answer;
    }
    const AddressRange part{at, std::min(vma->range.end, range.end)};
    if (const int error = populate_part(*vma, part, write, answer)) {
      answer.value = -error;
      return answer;
    }
    at = part.end;
  }
  return answer;
}

int AddressSpace::populate_part(const Vma& vma, AddressRange part, bool write, Answer& answer) {
  if ((vma.flags & (kVmIo | kVmPfnMap)) != 0) return EINVAL;
  if ((vma.flags & (write ? kVmWrite : kVmRead)) == 0) return EINVAL;
  answer.then.push_back(
      {write ? FollowUp::Kind::PopulateWrite : FollowUp::Kind::PopulateRead, part});
  return 0;
}

}  // namespace ft::sim::virt
