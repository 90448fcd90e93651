// mseal(2): mm/mseal.c.
#include <algorithm>
#include <cerrno>

#include "sim/virt/address_space.h"

namespace ft::sim::virt {

Answer AddressSpace::mseal(std::uint64_t addr, std::uint64_t length, std::uint64_t flags) {
  if (!around_.behaviour.seals) return {.value = -ENOSYS};
  if (flags != 0 || addr % kPageSize != 0) return {.value = -EINVAL};
  const AddressRange range{addr, addr + page_ceil(length)};
  if (length != 0 && page_ceil(length) == 0) return {.value = -EINVAL};
  if (range.end < range.start) return {.value = -EINVAL};
  if (range.empty()) return {};

  std::uint64_t covered = range.start;
  for (const Vma* vma = areas_.first_in(range);
       vma != nullptr && vma->range.start <= covered && covered < range.end;
       vma = areas_.next(*vma))
    covered = vma->range.end;
  if (covered < range.end) return {.value = -ENOMEM};

  Vma* vma = areas_.find(range.start);
  Vma* previous = range.start > vma->range.start ? vma : areas_.previous(*vma);
  for (std::uint64_t at = range.start; at < range.end; at = vma->range.end) {
    vma = areas_.find(at);
    if ((vma->flags & kVmSealed) == 0) {
      Vma changed = *vma;
      changed.flags |= kVmSealed;
      const AddressRange part{at, std::min(vma->range.end, range.end)};
      const Modified modified =
          editor_.modify(previous, *vma, part, changed, limits_.max_map_count);
      if (modified.error != 0) return {.value = -modified.error};
      vma = modified.vma;
      vma->flags |= kVmSealed;
    }
    previous = vma;
  }
  return {};
}

}  // namespace ft::sim::virt
