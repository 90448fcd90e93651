// The move of an area by mremap(2): move_vma of mm/mremap.c, copy_vma of mm/vma.c.
#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "sim/virt/address_space.h"
#include "sim/virt/mman.h"
#include "sim/virt/remap.h"

namespace ft::sim::virt {

std::int64_t AddressSpace::move_area(Remap& remap) {
  if (!has_room_for_move(0)) return -ENOMEM;
  const VmFlags flags = remap.vma->flags;
  const AddressRange source = AddressRange::of_size(remap.addr, remap.old_length);
  if (remap.old_length != 0 && source != remap.vma->range && !remap.vma->may_split())
    return -EINVAL;
  const bool tidy = around_.behaviour.dontunmap_tidies_source;
  if (tidy && remap.keeps_source() && (flags & kVmLocked) != 0) {
    if (const int error = split_out(remap, source)) return -error;
  }
  const bool accounted = (flags & kVmAccount) != 0;
  // The source's share goes along with it, unless the source stays.
  const std::uint64_t fresh =
      (remap.keeps_source() ? remap.new_length : remap.new_length - remap.old_length) >> kPageShift;
  if (accounted && !commit(fresh)) return -ENOMEM;
  // A move that shrank first is charged for what it gave up, and never gets that back (6.17 on).
  const std::uint64_t lost = remap.shrunk_by >> kPageShift;
  if (accounted && lost != 0 && !around_.committed.charge(lost, limits_, totals_.total))
    return -ENOMEM;

  const Vma moved = *remap.vma;
  around_.narrator.step("move_vma", [&] {
    return fmt::format("{:#x}-{:#x} → {:#x}", source.start, source.end, remap.new_addr);
  });
  copy_area(remap);
  {
    Gather gather(around_.invalidations, "mremap");
    around_.page_table.move(moved, source, remap.new_addr, gather);
  }
  count(flags, remap.new_length >> kPageShift);
  if ((flags & kVmLocked) != 0 && !(tidy && remap.keeps_source()))
    totals_.locked += remap.new_length >> kPageShift;
  if (remap.keeps_source()) {
    leave_source_empty(*remap.vma, source);
    return static_cast<std::int64_t>(remap.new_addr);
  }
  // Of shared memory that was doubled (an old length of 0), nothing goes.
  static_cast<void>(checked_unmap(source.start, source.size(), "mremap", accounted));
  return static_cast<std::int64_t>(remap.new_addr);
}

int AddressSpace::split_out(Remap& remap, AddressRange part) {
  Vma& vma = *remap.vma;
  for (const std::uint64_t border : {part.start, part.end}) {
    if (border == vma.range.start || border == vma.range.end) continue;
    if (areas_.size() >= limits_.max_map_count) return ENOMEM;
    if (!vma.may_split()) return EINVAL;
    editor_.split(vma, border, border == part.start);
  }
  return 0;
}

// copy_vma. An area that was never written to takes the page offset of its new place, so that it
// joins neighbours there; it may then even join itself.
void AddressSpace::copy_area(Remap& remap) {
  const Vma& source = *remap.vma;
  const std::uint64_t source_start = source.range.start;
  MergeRequest request{.range = AddressRange::of_size(remap.new_addr, remap.new_length),
                       .properties = source,
                       .copied = true};
  request.properties.range = request.range;
  request.properties.page_offset = source.page_of(remap.addr);
  const bool untouched = source.anonymous() && source.anon_vma.id == 0;
  if (untouched) request.properties.page_offset = remap.new_addr >> kPageShift;
  request.previous = areas_.last_before(remap.new_addr);
  request.next = areas_.find_or_next(remap.new_addr);
  const bool beside_itself =
      request.range.start == source.range.end || request.range.end == source.range.start;
  const bool must_stay_apart = around_.behaviour.dontunmap_tidies_source && untouched &&
                               remap.keeps_source() && beside_itself;
  if (must_stay_apart || editor_.merge_new(request) == nullptr)
    areas_.insert(std::move(request.properties));
  remap.vma = areas_.find(source_start);
}

// dontunmap_complete: the source has no pages any more, and no lock on them.
void AddressSpace::leave_source_empty(Vma& source, AddressRange moved) const {
  source.flags &= ~kVmLockedMask;
  if (source.range != moved) return;
  source.anon_vma = {};
  if (source.anonymous() && around_.behaviour.dontunmap_tidies_source)
    source.page_offset = source.range.start >> kPageShift;
}

}  // namespace ft::sim::virt
