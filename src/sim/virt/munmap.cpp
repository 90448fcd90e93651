// munmap(2), and every other unmapping: do_vmi_munmap, vms_gather_munmap_vmas and
// vms_complete_munmap_vmas of mm/vma.c.
#include <fmt/format.h>

#include <cerrno>

#include "sim/virt/address_space.h"

namespace ft::sim::virt {

Answer AddressSpace::munmap(std::uint64_t addr, std::uint64_t length) {
  return {.value = -checked_unmap(addr, length, "munmap")};
}

int AddressSpace::checked_unmap(std::uint64_t addr, std::uint64_t length, std::string_view cause,
                                bool keep_commitment) {
  const std::uint64_t task_size = layout_.end();
  if (addr % kPageSize != 0 || addr > task_size || length > task_size - addr) return EINVAL;
  const AddressRange range{addr, addr + page_ceil(length)};
  if (range.empty()) return EINVAL;
  if (areas_.first_in(range) == nullptr) {
    around_.narrator.step("do_vmi_munmap", [] { return std::string("nothing is mapped there"); });
    return 0;
  }
  return unmap(range, cause, keep_commitment);
}

int AddressSpace::unmap(AddressRange range, std::string_view cause, bool keep_commitment) {
  Unmapping unmapping{.range = range};
  if (const int error = gather_for_unmap(range, unmapping)) return error;
  if (!unmapping.any) return 0;
  around_.narrator.step("vms_complete_munmap_vmas", [&] {
    return fmt::format("{} pages go, {} of them committed", unmapping.totals.total,
                       unmapping.committed);
  });
  if (keep_commitment) unmapping.committed = 0;
  clear_entries(unmapping, cause);
  detach(unmapping);
  return 0;
}

// Splits the areas at both ends of the range and sums up what is inside. What was split stays
// split when the call fails.
int AddressSpace::gather_for_unmap(AddressRange range, Unmapping& unmapping) {
  Vma* first = areas_.first_in(range);
  if (first == nullptr) {
    unmapping.next = areas_.find_or_next(range.start);
    unmapping.previous = areas_.last_before(range.start);
    return 0;
  }
  if (range.start > first->range.start) {
    if (range.end < first->range.end && areas_.size() >= limits_.max_map_count) {
      around_.narrator.step("vms_gather_munmap_vmas", [&] {
        return fmt::format("a hole makes two areas of one, and there are {}: ENOMEM",
                           areas_.size());
      });
      return ENOMEM;
    }
    if ((first->flags & kVmSealed) != 0) return EPERM;
    if (!VmaEditor::may_split(*first, range.start)) return EINVAL;
    editor_.split(*first, range.start, true);
  }
  unmapping.previous = areas_.last_before(range.start);
  Vma* vma = areas_.first_in(range);
  for (; vma != nullptr && vma->range.start < range.end; vma = areas_.next(*vma)) {
    if ((vma->flags & kVmSealed) != 0) {
      around_.narrator.step("vms_gather_munmap_vmas",
                            [] { return std::string("a sealed area: EPERM"); });
      return EPERM;
    }
    if (vma->range.end > range.end) {
      if (!VmaEditor::may_split(*vma, range.end)) return EINVAL;
      editor_.split(*vma, range.end, false);
    }
    const std::uint64_t pages = vma->pages();
    unmapping.totals.total += pages;
    if ((vma->flags & kVmLocked) != 0) unmapping.totals.locked += pages;
    if ((vma->flags & kVmAccount) != 0) unmapping.committed += pages;
    if (counts_as_code(vma->flags))
      unmapping.totals.exec += pages;
    else if (counts_as_stack(vma->flags))
      unmapping.totals.stack += pages;
    else if (counts_as_data(vma->flags))
      unmapping.totals.data += pages;
    unmapping.any = true;
  }
  unmapping.next = vma;
  return 0;
}

// unmap_vmas, then free_pgtables: areas less than 2 MiB apart are freed in one go.
void AddressSpace::clear_entries(const Unmapping& unmapping, std::string_view cause) {
  Gather gather(around_.invalidations, cause);
  const std::size_t first = areas_.index_above(unmapping.range.start);
  std::size_t last = first;
  while (last < areas_.size() && areas_[last].range.start < unmapping.range.end) {
    around_.page_table.zap(areas_[last], areas_[last].range, gather);
    ++last;
  }
  const std::uint64_t floor = unmapping.previous != nullptr ? unmapping.previous->range.end : 0;
  const std::uint64_t ceiling =
      unmapping.next != nullptr ? unmapping.next->range.start : ~std::uint64_t{0};
  for (std::size_t index = first; index < last; ++index) {
    AddressRange group = areas_[index].range;
    while (index + 1 < last && areas_[index + 1].range.start <= group.end + kHugePageSize)
      group.end = areas_[++index].range.end;
    around_.page_table.free_tables(
        group, floor, index + 1 < last ? areas_[index + 1].range.start : ceiling, gather);
  }
}

void AddressSpace::detach(const Unmapping& unmapping) {
  totals_.total -= unmapping.totals.total;
  totals_.locked -= unmapping.totals.locked;
  totals_.exec -= unmapping.totals.exec;
  totals_.stack -= unmapping.totals.stack;
  totals_.data -= unmapping.totals.data;
  give_back(unmapping.committed);
  areas_.erase_all_in(unmapping.range);
}

}  // namespace ft::sim::virt
