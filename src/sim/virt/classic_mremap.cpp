// mremap(2) before 6.17: one area at a time, which is looked up before most is checked
// (mm/mremap.c sys_mremap, mremap_to, vma_to_resize).
#include <cerrno>

#include "sim/virt/address_space.h"
#include "sim/virt/mman.h"
#include "sim/virt/remap.h"

namespace ft::sim::virt {

std::int64_t AddressSpace::classic_remap(Remap& remap) {
  if ((remap.flags & ~(kMremapFixed | kMremapMayMove | kMremapDontUnmap)) != 0) return -EINVAL;
  const bool may_move = (remap.flags & kMremapMayMove) != 0;
  if (remap.fixed() && !may_move) return -EINVAL;
  if (remap.keeps_source() && (!may_move || remap.old_length != remap.new_length)) return -EINVAL;
  if (remap.addr % kPageSize != 0) return -EINVAL;
  remap.old_length = page_ceil(remap.old_length);
  remap.new_length = page_ceil(remap.new_length);
  if (remap.new_length == 0) return -EINVAL;

  remap.vma = areas_.find(remap.addr);
  if (remap.vma == nullptr) return -EFAULT;
  if ((remap.vma->flags & kVmSealed) != 0) return -EPERM;
  if ((remap.vma->flags & kVmHugetlb) != 0 && !align_hugetlb(remap)) return -EINVAL;
  if (remap.implies_new_address()) return classic_remap_to(remap);
  if (remap.kind() == Remap::Kind::Grow) {
    if (const int error = may_resize(remap, remap.old_length)) return -error;
  }
  return remap_at(remap);
}

// Where it refuses late, what was at the new place is gone already.
std::int64_t AddressSpace::classic_remap_to(Remap& remap) {
  if (remap.new_addr % kPageSize != 0) return -EINVAL;
  if (remap.new_length > layout_.end() || remap.new_addr > layout_.end() - remap.new_length)
    return -EINVAL;
  if (remap.addr + remap.old_length > remap.new_addr &&
      remap.new_addr + remap.new_length > remap.addr)
    return -EINVAL;
  if (!has_room_for_move(2)) return -ENOMEM;
  if (remap.fixed()) {
    if (const int error = checked_unmap(remap.new_addr, remap.new_length, "mremap")) return -error;
  }
  if (remap.kind() == Remap::Kind::Shrink) {
    if (const int error = checked_unmap(remap.addr + remap.new_length, remap.delta(), "mremap"))
      return -error;
    remap.old_length = remap.new_length;
  }
  remap.vma = areas_.find(remap.addr);
  if (remap.vma == nullptr) return -EFAULT;
  if (const int error = may_resize(remap, remap.old_length)) return -error;
  if (remap.keeps_source() && !may_expand(remap.vma->flags, remap.old_length >> kPageShift))
    return -ENOMEM;
  if (const int error = choose_new_address(remap)) return -error;
  return move_area(remap);
}

}  // namespace ft::sim::virt
