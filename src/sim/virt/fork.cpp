// The areas of a child after fork(2): dup_mmap of mm/mmap.c (kernel/fork.c before 6.18).
#include <fmt/format.h>

#include <utility>

#include "sim/virt/address_space.h"

namespace ft::sim::virt {

std::unique_ptr<AddressSpace> AddressSpace::fork(Surroundings child_surroundings) {
  auto child = std::make_unique<AddressSpace>(child_surroundings, limits_, layout_);
  child->last_anon_vma_ = last_anon_vma_;
  Gather gather(around_.invalidations, "fork");
  // flush_tlb_mm: always, and everything.
  gather.changed({0, layout_.end()}, kPageShift);
  for (std::size_t index = 0; index < areas_.size(); ++index) {
    const Vma& vma = areas_[index];
    if ((vma.flags & kVmDontCopy) != 0) continue;
    if (!copy_area_to(*child, vma, gather)) return nullptr;
  }
  around_.narrator.step("dup_mmap", [&] {
    return fmt::format("{} of {} areas copied", child->areas_.size(), areas_.size());
  });
  return child;
}

bool AddressSpace::copy_area_to(AddressSpace& child, const Vma& vma, Gather& gather) {
  const std::uint64_t pages = vma.pages();
  if ((vma.flags & kVmAccount) != 0) {
    // Weighed against the parent's size, charged to the child.
    if (!around_.committed.charge(pages, limits_, totals_.total)) return false;
    child.committed_pages_ += pages;
  }
  Vma copy = vma;
  const bool wiped = (vma.flags & kVmWipeOnFork) != 0;
  if (wiped)
    copy.anon_vma = {};
  else if (vma.anon_vma.id != 0)
    copy.anon_vma = {.id = ++child.last_anon_vma_, .inherited = true};
  copy.flags &= ~kVmLockedMask;
  child.count(copy.flags, pages);
  child.areas_.insert(std::move(copy));
  return wiped || around_.page_table.copy_to(child.around_.page_table, vma, gather);
}

}  // namespace ft::sim::virt
