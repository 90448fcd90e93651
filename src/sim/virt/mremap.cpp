// mremap(2): what is checked, and which way a call takes (mm/mremap.c). The move itself is in
// move.cpp, the order of checks of releases before 6.17 in classic_mremap.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "sim/virt/address_space.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/mman.h"
#include "sim/virt/remap.h"

namespace ft::sim::virt {

namespace {

bool is_error(std::int64_t value) {
  return value < 0 && value >= -4095;
}

}  // namespace

Answer AddressSpace::mremap(std::uint64_t addr, std::uint64_t old_length, std::uint64_t new_length,
                            std::uint64_t flags, std::uint64_t new_addr) {
  Remap remap{.addr = addr,
              .old_length = old_length,
              .new_length = new_length,
              .flags = flags,
              .new_addr = new_addr};
  Answer answer;
  if (!around_.behaviour.moves_many_areas) {
    answer.value = classic_remap(remap);
  } else {
    remap.old_length = page_ceil(old_length);
    remap.new_length = page_ceil(new_length);
    answer.value = modern_remap(remap);
  }
  if (!is_error(answer.value) && remap.populate_grown) {
    const auto grown_from = static_cast<std::uint64_t>(answer.value) + remap.old_length;
    answer.then.push_back(
        {FollowUp::Kind::Populate, AddressRange::of_size(grown_from, remap.delta())});
  }
  return answer;
}

std::int64_t AddressSpace::modern_remap(Remap& remap) {
  if (const int error = check_remap(remap)) return -error;
  if (remap.fixed() && remap.kind() == Remap::Kind::SameSize) return move_many(remap);
  remap.vma = areas_.find(remap.addr);
  if (const int error = prepare_remap(remap)) return -error;
  return remap.implies_new_address() ? remap_to(remap) : remap_at(remap);
}

// check_mremap_params: what needs no area.
int AddressSpace::check_remap(const Remap& remap) const {
  if ((remap.flags & ~(kMremapFixed | kMremapMayMove | kMremapDontUnmap)) != 0) return EINVAL;
  if (remap.addr % kPageSize != 0) return EINVAL;
  if (remap.new_length == 0 || remap.new_length > layout_.end()) return EINVAL;
  if (!remap.implies_new_address()) return 0;
  if (remap.new_addr > layout_.end() - remap.new_length) return EINVAL;
  if (remap.new_addr % kPageSize != 0) return EINVAL;
  if ((remap.flags & kMremapMayMove) == 0) return EINVAL;
  if (remap.keeps_source() && remap.old_length != remap.new_length) return EINVAL;
  if (remap.addr + remap.old_length > remap.new_addr &&
      remap.new_addr + remap.new_length > remap.addr)
    return EINVAL;
  return has_room_for_move(2) ? 0 : ENOMEM;
}

// A move may split what it unmaps at either end: it stays clear of the limit by three areas, and
// by two more where it unmaps something first.
bool AddressSpace::has_room_for_move(unsigned more) const {
  if (areas_.size() + more < std::uint64_t{limits_.max_map_count} - 3) return true;
  around_.narrator.step("mremap", [&] {
    return fmt::format("{} areas are too near the limit of {}: ENOMEM", areas_.size(),
                       limits_.max_map_count);
  });
  return false;
}

// check_prep_vma.
int AddressSpace::prepare_remap(Remap& remap) {
  const Vma* vma = remap.vma;
  if (vma == nullptr) return EFAULT;
  if ((vma->flags & kVmSealed) != 0) return EPERM;
  if ((vma->flags & kVmHugetlb) != 0 && !align_hugetlb(remap)) return EINVAL;
  if (!remap.implies_new_address()) remap.new_addr = remap.addr;
  if (remap.kind() != Remap::Kind::Grow && !remap.implies_new_address()) return 0;
  const std::uint64_t old_length =
      remap.kind() == Remap::Kind::Shrink ? remap.new_length : remap.old_length;
  return may_resize(remap, old_length);
}

// What a growing or moving area must fulfil (vma_to_resize before 6.17).
int AddressSpace::may_resize(Remap& remap, std::uint64_t old_length) const {
  const Vma& vma = *remap.vma;
  if (remap.old_length == 0 && (vma.flags & (kVmShared | kVmMayShare)) == 0) return EINVAL;
  if (remap.keeps_source() && (vma.flags & (kVmDontExpand | kVmPfnMap)) != 0) return EINVAL;
  if (old_length > vma.range.end - remap.addr) {
    around_.narrator.step("mremap", [&] {
      return fmt::format("reaches beyond the area, which ends at {:#x}: EFAULT", vma.range.end);
    });
    return EFAULT;
  }
  if (remap.new_length == old_length) return 0;
  if ((vma.flags & kVmLocked) != 0) remap.populate_grown = true;
  const std::uint64_t page_offset = vma.page_of(remap.addr);
  if (page_offset + (remap.new_length >> kPageShift) < page_offset) return EINVAL;
  if ((vma.flags & (kVmDontExpand | kVmPfnMap)) != 0) return EFAULT;
  if (!may_lock(vma.flags, remap.delta())) return EAGAIN;
  return may_expand(vma.flags, remap.delta() >> kPageShift) ? 0 : ENOMEM;
}

bool AddressSpace::align_hugetlb(Remap& remap) {
  const std::uint64_t size = std::uint64_t{1} << remap.vma->file->page_shift();
  remap.old_length = (remap.old_length + size - 1) & ~(size - 1);
  remap.new_length = (remap.new_length + size - 1) & ~(size - 1);
  return remap.addr % size == 0 && remap.new_addr % size == 0 &&
         remap.new_length <= remap.old_length;
}

// remap_move: areas one by one, with the gaps between them as they were.
std::int64_t AddressSpace::move_many(Remap& remap) {
  const AddressRange source = AddressRange::of_size(remap.addr, remap.old_length);
  std::uint64_t target = remap.new_addr;
  std::int64_t first_result = -EFAULT;
  std::uint64_t last_end = 0;
  bool seen = false;
  std::uint64_t at = source.start;
  while (Vma* vma = areas_.first_in({at, source.end})) {
    if (!seen && source.start < vma->range.start) return -EFAULT;
    const AddressRange part = vma->range.intersection(source);
    const std::uint64_t offset = seen ? vma->range.start - last_end : 0;
    last_end = vma->range.end;
    remap.vma = vma;
    remap.addr = part.start;
    remap.new_addr = target + offset;
    remap.old_length = remap.new_length = part.size();
    std::int64_t result = -prepare_remap(remap);
    if (result == 0) result = remap_to(remap);
    if (is_error(result)) return result;
    if (!seen) first_result = result;
    seen = true;
    target = static_cast<std::uint64_t>(result) + remap.new_length;
    at = part.end;
  }
  return first_result;
}

// mremap_to: the new place is given, or at least asked for.
std::int64_t AddressSpace::remap_to(Remap& remap) {
  if (remap.fixed()) {
    if (const int error = checked_unmap(remap.new_addr, remap.new_length, "mremap")) return -error;
    remap.vma = areas_.find(remap.addr);
    if (remap.vma == nullptr) return -EFAULT;
  }
  if (remap.kind() == Remap::Kind::Shrink) {
    if (const int error = checked_unmap(remap.addr + remap.new_length, remap.delta(), "mremap"))
      return -error;
    remap.vma = areas_.find(remap.addr);
    if (remap.vma == nullptr) return -EFAULT;
    remap.shrunk_by = remap.delta();
    remap.old_length = remap.new_length;
  }
  if (remap.keeps_source() && !may_expand(remap.vma->flags, remap.old_length >> kPageShift))
    return -ENOMEM;
  if (const int error = choose_new_address(remap)) return -error;
  return move_area(remap);
}

// mremap_at: in place, if that is possible.
std::int64_t AddressSpace::remap_at(Remap& remap) {
  switch (remap.kind()) {
    case Remap::Kind::SameSize:
      return static_cast<std::int64_t>(remap.addr);
    case Remap::Kind::Shrink:
      if (const int error = checked_unmap(remap.addr + remap.new_length, remap.delta(), "mremap"))
        return -error;
      return static_cast<std::int64_t>(remap.addr);
    case Remap::Kind::Grow:
      break;
  }
  return grow(remap);
}

std::int64_t AddressSpace::grow(Remap& remap) {
  Vma* vma = remap.vma;
  const std::uint64_t delta = remap.delta();
  if (vma->range.end - remap.addr == remap.old_length && can_grow_in_place(*vma, delta)) {
    const std::uint64_t pages = delta >> kPageShift;
    const bool accounted = (vma->flags & kVmAccount) != 0;
    if (accounted && !commit(pages)) return -ENOMEM;
    MergeRequest request{.range = AddressRange::of_size(vma->range.end, delta),
                         .properties = *vma,
                         .previous = vma,
                         .next = areas_.next(*vma)};
    request.properties.page_offset = vma->page_offset + vma->pages();
    vma = editor_.merge_new(request);
    if (vma == nullptr) {
      if (accounted) give_back(pages);
      return -ENOMEM;
    }
    around_.narrator.step("expand_vma", [&] {
      return fmt::format("the {:#x} bytes behind it are free → grows in place", delta);
    });
    remap.vma = vma;
    count(vma->flags, pages);
    if ((vma->flags & kVmLocked) != 0) totals_.locked += pages;
    return static_cast<std::int64_t>(remap.addr);
  }
  if ((remap.flags & kMremapMayMove) == 0) {
    around_.narrator.step("expand_vma",
                          [] { return std::string("cannot grow in place, may not move: ENOMEM"); });
    return -ENOMEM;
  }
  if (const int error = choose_new_address(remap)) return -error;
  return move_area(remap);
}

// vma_expandable.
bool AddressSpace::can_grow_in_place(const Vma& vma, std::uint64_t delta) const {
  const std::uint64_t end = vma.range.end + delta;
  if (end < vma.range.end || areas_.first_in({vma.range.end, end}) != nullptr) return false;
  const std::int64_t placed =
      unmapped_area(nullptr, vma.range.start, end - vma.range.start, 0, kMapFixed);
  return placed >= 0 && placed % static_cast<std::int64_t>(kPageSize) == 0;
}

// vrm_set_new_addr: as mmap would choose, with the new address fixed, as a hint, or not at all.
int AddressSpace::choose_new_address(Remap& remap) {
  const Vma& vma = *remap.vma;
  std::uint64_t map_flags = remap.fixed() ? kMapFixed : 0;
  if ((vma.flags & kVmMayShare) != 0) map_flags |= kMapShared;
  const std::uint64_t hint = remap.implies_new_address() ? remap.new_addr : 0;
  const std::int64_t placed = unmapped_area(vma.file.get(), hint, remap.new_length,
                                            vma.file ? vma.page_of(remap.addr) : 0, map_flags);
  if (placed < 0) return static_cast<int>(-placed);
  remap.new_addr = static_cast<std::uint64_t>(placed);
  return 0;
}

}  // namespace ft::sim::virt
