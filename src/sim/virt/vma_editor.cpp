#include "sim/virt/vma_editor.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "sim/virt/backing_file.h"

namespace ft::sim::virt {

namespace {

void take_sticky_flags(Vma& to, const Vma& from) {
  to.flags |= from.flags & kVmSticky;
}

void take_anon_vma(Vma& to, const Vma& from) {
  if (to.anon_vma.id == 0) to.anon_vma = from.anon_vma;
}

// can_merge_remove_vma: an area whose driver wants to be told of its end stays.
bool may_vanish(const Vma& vma) {
  return (vma.flags & kVmHugetlb) == 0;
}

}  // namespace

bool VmaEditor::same_properties(const Vma& neighbour, const Vma& properties) const {
  return ((neighbour.flags ^ properties.flags) & ~kVmSticky) == 0 &&
         neighbour.file == properties.file && neighbour.open_file == properties.open_file &&
         neighbour.anon_name == properties.anon_name;
}

// is_mergeable_anon_vma. One that has its parent's chain too is not spread further, for the sake
// of the lock its pages share.
bool VmaEditor::anon_vma_allows(const Vma& neighbour, const Vma& source) const {
  const AnonVma& target = neighbour.anon_vma;
  if (target.id == 0 && source.anon_vma.id != 0)
    return behaviour_.faulted_joins_unfaulted && !source.anon_vma.inherited;
  if (target.id != 0 && source.anon_vma.id == 0) return !target.inherited;
  return target.id == source.anon_vma.id;
}

bool VmaEditor::joins_before(const MergeRequest& request) const {
  const Vma* previous = request.previous;
  return previous != nullptr && previous->range.end == request.range.start &&
         same_properties(*previous, request.properties) &&
         anon_vma_allows(*previous, request.properties) &&
         previous->page_offset + previous->pages() == request.properties.page_offset;
}

bool VmaEditor::joins_behind(const MergeRequest& request) const {
  const Vma* next = request.next;
  return next != nullptr && next->range.start == request.range.end &&
         same_properties(*next, request.properties) && anon_vma_allows(*next, request.properties) &&
         next->page_offset == request.properties.page_offset + (request.range.size() >> kPageShift);
}

// Each of the two may fit the range without fitting the other.
bool VmaEditor::fit_each_other(const Vma& previous, const Vma& next) const {
  return previous.anon_vma.id == 0 || next.anon_vma.id == 0 ||
         previous.anon_vma.id == next.anon_vma.id;
}

Vma* VmaEditor::merge_new(const MergeRequest& request) {
  if ((request.properties.flags & kVmSpecial) != 0) return nullptr;
  Vma* previous = request.previous;
  Vma* next = request.next;
  bool before = joins_before(request);
  bool behind = !request.only_upwards && joins_behind(request);
  if (before && behind && !fit_each_other(*previous, *next)) behind = false;
  if (before && behind && behaviour_.new_area_tries_next_first && previous->anon_vma.id == 0 &&
      next->anon_vma.id != 0)
    before = false;
  if (behind && before && !may_vanish(*next)) behind = false;
  if (!before && !behind) {
    narrator_.step("vma_merge_new_range", [&] { return std::string("stays an area of its own"); });
    return nullptr;
  }
  narrator_.step("vma_merge_new_range", [&] {
    return std::string(before && behind ? "joins the area before and the area behind"
                       : before         ? "joins the area before, same flags"
                                        : "joins the area behind, same flags");
  });
  if (!before) {
    next->page_offset = request.properties.page_offset;
    take_sticky_flags(*next, request.properties);
    if (request.copied) take_anon_vma(*next, request.properties);
    areas_.set_range(*next, {request.range.start, next->range.end});
    return next;
  }
  std::uint64_t end = request.range.end;
  if (behind) {
    end = next->range.end;
    take_sticky_flags(*previous, *next);
    take_anon_vma(*previous, *next);
    areas_.erase(*next);
  }
  take_sticky_flags(*previous, request.properties);
  if (request.copied) take_anon_vma(*previous, request.properties);
  areas_.set_range(*previous, {previous->range.start, end});
  return previous;
}

// vma_merge_existing_range.
Vma* VmaEditor::merge_existing(Vma* previous, Vma& middle, AddressRange part, const Vma& changed) {
  const bool at_start = part.start == middle.range.start;
  const bool at_end = part.end == middle.range.end;
  if ((changed.flags & kVmSpecial) != 0 || (!at_start && !at_end)) return nullptr;

  MergeRequest request{.range = part, .properties = changed};
  request.properties.page_offset = middle.page_of(part.start);
  request.properties.anon_vma = middle.anon_vma;
  if (at_start) request.previous = previous;
  if (at_end) request.next = areas_.next(middle);
  Vma* next = request.next;
  const bool before = joins_before(request);
  bool behind = joins_behind(request);
  if (before && behind && (!fit_each_other(*previous, *next) || !may_vanish(*next))) behind = false;
  if (!before && !behind) return nullptr;
  const bool whole = at_start && at_end;
  if (whole && !may_vanish(middle)) return nullptr;

  narrator_.step("vma_merge_existing_range", [&] {
    return fmt::format("{:#x}-{:#x} joins {}", part.start, part.end,
                       before && behind ? "the area before and the area behind, which vanishes"
                       : before         ? "the area before"
                                        : "the area behind");
  });
  for (Vma* joined : {before ? previous : nullptr, behind ? next : nullptr})
    if (joined != nullptr) take_sticky_flags(*joined, changed);
  if (before && behind) {
    take_sticky_flags(*previous, *next);
    take_anon_vma(*previous, next->anon_vma.id != 0 ? *next : middle);
    const std::uint64_t end = next->range.end;
    areas_.erase(*next);
    areas_.erase(middle);
    areas_.set_range(*previous, {previous->range.start, end});
    return previous;
  }
  if (before) {
    take_anon_vma(*previous, middle);
    if (whole) {
      areas_.erase(middle);
    } else {
      split_huge_at(middle, part.end);
      middle.page_offset = middle.page_of(part.end);
      areas_.set_range(middle, {part.end, middle.range.end});
    }
    areas_.set_range(*previous, {previous->range.start, part.end});
    return previous;
  }
  take_anon_vma(*next, middle);
  if (whole) {
    areas_.erase(middle);
  } else {
    split_huge_at(middle, part.start);
    areas_.set_range(middle, {middle.range.start, part.start});
  }
  next->page_offset -= part.size() >> kPageShift;
  areas_.set_range(*next, {part.start, next->range.end});
  return next;
}

Modified VmaEditor::modify(Vma* previous, Vma& vma, AddressRange part, const Vma& changed,
                           unsigned max_map_count) {
  if (Vma* merged = merge_existing(previous, vma, part, changed)) return {.vma = merged};
  const auto split_off = [&](std::uint64_t addr, bool new_below) -> int {
    if (areas_.size() >= max_map_count) {
      narrator_.step("split_vma", [&] {
        return fmt::format("{} areas, limit {}: ENOMEM", areas_.size(), max_map_count);
      });
      return ENOMEM;
    }
    if (!may_split(vma, addr)) return EINVAL;
    split(vma, addr, new_below);
    return 0;
  };
  if (vma.range.start < part.start) {
    if (const int error = split_off(part.start, true)) return {.error = error};
  }
  if (vma.range.end > part.end) {
    if (const int error = split_off(part.end, false)) return {.error = error};
  }
  return {.vma = &vma};
}

bool VmaEditor::may_split(const Vma& vma, std::uint64_t addr) {
  if (!vma.may_split()) return false;
  if ((vma.flags & kVmHugetlb) == 0) return true;
  return addr % (std::uint64_t{1} << vma.file->page_shift()) == 0;
}

Vma& VmaEditor::split(Vma& vma, std::uint64_t addr, bool new_below) {
  FT_CHECK(vma.range.start < addr && addr < vma.range.end && addr % kPageSize == 0);
  narrator_.step("__split_vma", [&] {
    return fmt::format("{:#x}-{:#x} at {:#x}", vma.range.start, vma.range.end, addr);
  });
  split_huge_at(vma, addr);
  Vma fresh = vma;
  if (new_below) {
    fresh.range.end = addr;
    vma.page_offset = vma.page_of(addr);
    areas_.set_range(vma, {addr, vma.range.end});
  } else {
    fresh.range.start = addr;
    fresh.page_offset = vma.page_of(addr);
    areas_.set_range(vma, {vma.range.start, addr});
  }
  return areas_.insert(std::move(fresh));
}

void VmaEditor::split_huge_at(const Vma& vma, std::uint64_t addr) {
  if (addr % kHugePageSize == 0) return;
  const std::uint64_t block = addr & ~(kHugePageSize - 1);
  if (!vma.range.contains(AddressRange::of_size(block, kHugePageSize))) return;
  Gather gather(invalidations_, "split of a huge page");
  page_table_.split_huge_at(vma, addr, gather);
}

}  // namespace ft::sim::virt
