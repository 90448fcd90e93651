// madvise(2): which areas an advice is applied to, and advices that change an area's flags
// (mm/madvise.c). Those that act on pages are in discard.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "sim/virt/address_space.h"
#include "sim/virt/advice_range.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

namespace {

bool is_valid(int advice, const kernel::Behaviour& behaviour) {
  if (advice == kAdviseGuardInstall || advice == kAdviseGuardRemove) return behaviour.guard_pages;
  if (advice == kAdviseHugePage || advice == kAdviseNoHugePage || advice == kAdviseCollapse) {
    return behaviour.transparent_huge_pages;
  }
  return (advice >= kAdviseNormal && advice <= kAdviseDontNeed) ||
         (advice >= kAdviseFree && advice <= kAdviseCollapse);
}

bool is_discard(int advice, const kernel::Behaviour& behaviour) {
  switch (advice) {
    case kAdviseFree:
    case kAdviseDontNeed:
    case kAdviseDontNeedLocked:
    case kAdviseRemove:
    case kAdviseDontFork:
    case kAdviseWipeOnFork:
      return true;
    case kAdviseGuardInstall:
      return behaviour.seals_keep_guards_out;
    default:
      return false;
  }
}

// can_madvise_modify: a seal keeps anonymous pages from being thrown away that could not be written
// anyway.
bool sealed_against(const Vma& vma, int advice, const kernel::Behaviour& behaviour) {
  return (vma.flags & kVmSealed) != 0 && (vma.flags & kVmWrite) == 0 && vma.anonymous() &&
         is_discard(advice, behaviour);
}

// What does not go into pages that kernel samepage merging may touch (vma_ksm_compatible).
constexpr VmFlags kNeverMergeable = kVmShared | kVmMayShare | kVmPfnMap | kVmIo | kVmDontExpand |
                                    kVmHugetlb | kVmMixedMap | kVmDroppable;

struct NewFlags {
  VmFlags flags = 0;
  int error = 0;
};

NewFlags advised_flags(const Vma& vma, int advice) {
  const VmFlags flags = vma.flags;
  switch (advice) {
    case kAdviseNormal:
      return {flags & ~(kVmRandRead | kVmSeqRead)};
    case kAdviseSequential:
      return {(flags & ~kVmRandRead) | kVmSeqRead};
    case kAdviseRandom:
      return {(flags & ~kVmSeqRead) | kVmRandRead};
    case kAdviseDontFork:
      return {flags | kVmDontCopy};
    case kAdviseDoFork:
      return {flags & ~kVmDontCopy, (flags & kVmIo) != 0 ? EINVAL : 0};
    case kAdviseWipeOnFork:
      return {flags | kVmWipeOnFork, vma.anonymous() || !vma.may_split() ? 0 : EINVAL};
    case kAdviseKeepOnFork:
      return {flags & ~kVmWipeOnFork, (flags & kVmDroppable) != 0 ? EINVAL : 0};
    case kAdviseDontDump:
      return {flags | kVmDontDump};
    case kAdviseDoDump: {
      const bool special = (flags & kVmHugetlb) == 0 && (flags & kVmSpecial) != 0;
      return {flags & ~kVmDontDump, special || (flags & kVmDroppable) != 0 ? EINVAL : 0};
    }
    case kAdviseMergeable:
      return {(flags & kNeverMergeable) != 0 ? flags : flags | kVmMergeable};
    case kAdviseUnmergeable:
      return {flags & ~kVmMergeable};
    case kAdviseHugePage:
      return {(flags & ~kVmNoHugePage) | kVmHugePage};
    case kAdviseNoHugePage:
      return {(flags & ~kVmHugePage) | kVmNoHugePage};
    default:
      return {flags, EINVAL};
  }
}

constexpr std::size_t kMaxNameBytes = 80;  // with the final NUL

bool is_valid_name(std::string_view name) {
  if (name.size() >= kMaxNameBytes) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return c > 0x1f && c < 0x7f && std::strchr("\\`$[]", c) == nullptr;
  });
}

}  // namespace

Answer AddressSpace::madvise(std::uint64_t addr, std::uint64_t length, int advice) {
  if (!is_valid(advice, around_.behaviour)) return {.value = -EINVAL};
  if (addr % kPageSize != 0) return {.value = -EINVAL};
  if (length != 0 && page_ceil(length) == 0) return {.value = -EINVAL};
  const AddressRange range{addr, addr + page_ceil(length)};
  if (range.end < range.start) return {.value = -EINVAL};
  if (range.empty()) return {};
  const bool populates = advice == kAdvisePopulateRead || advice == kAdvisePopulateWrite;
  if (populates && !around_.behaviour.populate_passes_holes)
    return populate(range, advice == kAdvisePopulateWrite);
  return advise_areas(range, {.advice = advice});
}

Answer AddressSpace::set_anon_name(std::uint64_t addr, std::uint64_t length, const char* name) {
  if (!around_.behaviour.anonymous_names) {
    around_.narrator.step("prctl_set_vma",
                          [] { return std::string("CONFIG_ANON_VMA_NAME is off: EINVAL"); });
    return {.value = -EINVAL};
  }
  const std::string_view text = name != nullptr ? name : "";
  if (!is_valid_name(text)) return {.value = -EINVAL};
  if (addr % kPageSize != 0) return {.value = -EINVAL};
  if (length != 0 && page_ceil(length) == 0) return {.value = -EINVAL};
  const AddressRange range{addr, addr + page_ceil(length)};
  if (range.end < range.start) return {.value = -EINVAL};
  if (range.empty()) return {};
  return advise_areas(range, {.name = text});
}

// madvise_walk_vmas: a hole is passed over and told at the end; an error ends the walk at once.
Answer AddressSpace::advise_areas(AddressRange range, const Advising& advising) {
  Answer answer;
  Gather gather(around_.invalidations, "madvise");
  AdviceRange on{.advising = advising, .gather = gather};
  int hole = 0;
  std::uint64_t at = range.start;
  Vma* vma = areas_.find_or_next(at);
  on.previous = vma != nullptr && at > vma->range.start ? vma : areas_.last_before(at);
  while (true) {
    if (vma == nullptr) {
      answer.value = -ENOMEM;
      return answer;
    }
    if (at < vma->range.start) {
      hole = ENOMEM;
      around_.narrator.step("madvise_walk_vmas",
                            [&] { return fmt::format("a hole at {:#x}: ENOMEM in the end", at); });
      at = vma->range.start;
      if (at >= range.end) break;
    }
    on.vma = vma;
    on.part = {at, std::min(vma->range.end, range.end)};
    if (const int error = advise_area(on, answer)) {
      answer.value = -error;
      return answer;
    }
    if (!around_.behaviour.discards_in_one_gather) gather.finish();
    on.previous = on.vma;
    at = std::max(on.part.end, on.vma->range.end);
    if (at >= range.end) break;
    vma = areas_.find_or_next(at);
  }
  answer.value = -hole;
  return answer;
}

// madvise_vma_behavior.
int AddressSpace::advise_area(AdviceRange& on, Answer& answer) {
  const int advice = on.advising.advice;
  if (on.advising.sets_name()) {
    const bool shared_anonymous =
        !on.vma->anonymous() && on.vma->file->kind() == FileKind::SharedAnonymous;
    if (!on.vma->anonymous() && !shared_anonymous) return EBADF;
    return update_area(on, on.vma->flags);
  }
  if (sealed_against(*on.vma, advice, around_.behaviour)) {
    around_.narrator.step("madvise_vma_behavior",
                          [] { return std::string("sealed and read-only: EPERM"); });
    return EPERM;
  }
  if (acts_on_pages(advice)) return advise_pages(on, answer);
  const NewFlags wanted = advised_flags(*on.vma, advice);
  return wanted.error != 0 ? wanted.error : update_area(on, wanted.flags);
}

// madvise_update_vma; memory that ran out, or too many areas, is EAGAIN to madvise.
int AddressSpace::update_area(AdviceRange& on, VmFlags flags) {
  const bool renames = on.advising.sets_name() && on.vma->anon_name != *on.advising.name;
  if (flags == on.vma->flags && !renames) return 0;
  Vma changed = *on.vma;
  changed.flags = flags;
  if (renames) changed.anon_name = *on.advising.name;
  const Modified modified =
      editor_.modify(on.previous, *on.vma, on.part, changed, limits_.max_map_count);
  if (modified.error != 0) return modified.error == ENOMEM ? EAGAIN : modified.error;
  on.vma = modified.vma;
  on.vma->flags = flags | (on.vma->flags & kVmSticky);
  if (renames) on.vma->anon_name = *on.advising.name;
  return 0;
}

}  // namespace ft::sim::virt
