// Where a mapping goes: __get_unmapped_area of mm/mmap.c, the searches of
// arch/x86/kernel/sys_x86_64.c, and the alignments of mm/huge_memory.c and fs/hugetlbfs.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "sim/virt/address_space.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

namespace {

constexpr AddressRange kWindowOf32Bit{0x40000000, 0x80000000};

// IS_ERR_VALUE: a fixed address may be as high as it likes, and fails later.
bool is_error(std::int64_t value) {
  return value < 0 && value >= -4095;
}

}  // namespace

std::uint64_t AddressSpace::start_with_gap(const Vma& vma) const {
  if ((vma.flags & kVmGrowsDown) == 0) return vma.range.start;
  return vma.range.start < guard_gap() ? 0 : vma.range.start - guard_gap();
}

std::int64_t AddressSpace::unmapped_area(const BackingFile* file, std::uint64_t addr,
                                         std::uint64_t length, std::uint64_t page_offset,
                                         std::uint64_t flags) const {
  const std::uint64_t task_size = layout_.end();
  if (length > task_size) return -ENOMEM;

  std::int64_t found = 0;
  const bool fixed = (flags & kMapFixed) != 0;
  if (file != nullptr && file->kind() == FileKind::Hugetlb) {
    found = hugetlb_search(*file, addr, length, flags);
  } else if (!around_.behaviour.transparent_huge_pages) {
    found = search(addr, length, flags, 1);
  } else if (file != nullptr && file->placed_for_huge_pages()) {
    found = aligned_search(addr, length, page_offset << kPageShift, flags);
  } else if (file != nullptr || (flags & kMapType) == kMapShared) {
    found = search(addr, length, flags, 1);  // also shmem, where it is never huge
  } else {
    const kernel::HugeAlignment alignment = around_.behaviour.anonymous_huge_alignment;
    const bool aligned = alignment == kernel::HugeAlignment::AnyLength ||
                         (alignment == kernel::HugeAlignment::ExactMultiple && addr == 0 &&
                          length % kHugePageSize == 0);
    found =
        aligned && !fixed ? aligned_search(addr, length, 0, flags) : search(addr, length, flags, 1);
  }
  if (is_error(found)) {
    around_.narrator.step("get_unmapped_area", [&] {
      return fmt::format("{}: no room for {:#x} bytes", found == -ENOMEM ? "ENOMEM" : "EINVAL",
                         length);
    });
    return found;
  }
  const auto at = static_cast<std::uint64_t>(found);
  if (at > task_size - length) return -ENOMEM;
  if (at % kPageSize != 0) return -EINVAL;
  if (at < limits_.dac_mmap_min_addr && !limits_.raw_io) {
    around_.narrator.step("security_mmap_addr", [&] {
      return fmt::format("{:#x} is below vm.mmap_min_addr: EPERM", at);
    });
    return -EPERM;
  }
  return found;
}

// arch_get_unmapped_area_topdown.
std::int64_t AddressSpace::search(std::uint64_t addr, std::uint64_t length, std::uint64_t flags,
                                  std::uint64_t alignment) const {
  if (length > layout_.end()) return -ENOMEM;
  const auto& narrator = around_.narrator;
  if ((flags & kMapFixed) != 0) {
    narrator.step("get_unmapped_area", [&] { return fmt::format("fixed at {:#x}", addr); });
    return static_cast<std::int64_t>(addr);
  }
  if ((flags & kMap32Bit) != 0) return search_up(addr, length, flags, alignment);
  const std::uint64_t hint = page_floor(addr);
  const bool valid = layout_.end() - length >= hint &&
                     (hint > layout_.task_size) == (hint + length > layout_.task_size);
  if (hint != 0 && valid) {
    const Vma* next = areas_.find_or_next(hint);
    if (next == nullptr || hint + length <= start_with_gap(*next)) {
      narrator.step("get_unmapped_area",
                    [&] { return fmt::format("hint {:#x} is free → taken", hint); });
      return static_cast<std::int64_t>(hint);
    }
    narrator.step("get_unmapped_area", [&] {
      return fmt::format("hint {:#x} is not free: {:#x}-{:#x} is in the way", hint,
                         next->range.start, next->range.end);
    });
  }
  AddressRange window{(flags & kMapAbove4G) != 0 ? std::uint64_t{4} << 30U : kPageSize,
                      layout_.mmap_base};
  if (hint > layout_.task_size) window.end += layout_.end() - layout_.task_size;
  const std::int64_t found = highest_gap(window, length, alignment);
  if (found >= 0) {
    narrator.step("vm_unmapped_area", [&] {
      return fmt::format("highest gap of {:#x} bytes below {:#x} → {:#x}", length, window.end,
                         static_cast<std::uint64_t>(found));
    });
    return found;
  }
  return search_up(addr, length, flags, alignment);
}

// arch_get_unmapped_area: where there is no gap below mmap_base, and for MAP_32BIT. The kernel adds
// up to 32 MiB at random to the start of the latter's window.
std::int64_t AddressSpace::search_up(std::uint64_t addr, std::uint64_t length, std::uint64_t flags,
                                     std::uint64_t alignment) const {
  AddressRange window = kWindowOf32Bit;
  if ((flags & kMap32Bit) == 0) {
    window.start =
        layout_.mmap_legacy_base != 0 ? layout_.mmap_legacy_base : page_ceil(layout_.task_size / 3);
    window.end = addr > layout_.task_size ? layout_.end() : layout_.task_size;
  }
  if (length > window.end) return -ENOMEM;
  if (addr != 0) {
    const std::uint64_t hint = page_ceil(addr);
    const Vma* next = areas_.find_or_next(hint);
    if (window.end - length >= hint && (next == nullptr || hint + length <= start_with_gap(*next)))
      return static_cast<std::int64_t>(hint);
  }
  const std::int64_t found = lowest_gap(window, length, alignment);
  around_.narrator.step("vm_unmapped_area", [&] {
    return found < 0 ? fmt::format("no gap of {:#x} bytes", length)
                     : fmt::format("lowest gap of {:#x} bytes above {:#x} → {:#x}", length,
                                   window.start, static_cast<std::uint64_t>(found));
  });
  return found;
}

// __thp_get_unmapped_area: asks for a huge page more than needed and takes the part of it whose
// huge page borders are those of the file. Room that stays unused above keeps neighbours apart.
std::int64_t AddressSpace::aligned_search(std::uint64_t addr, std::uint64_t length,
                                          std::uint64_t offset, std::uint64_t flags) const {
  const std::uint64_t offset_end = offset + length;
  const std::uint64_t first_border = (offset + kHugePageSize - 1) & ~(kHugePageSize - 1);
  const std::uint64_t padded = length + kHugePageSize;
  const bool holds_a_huge_page =
      offset_end > first_border && offset_end - first_border >= kHugePageSize;
  if (!holds_a_huge_page || padded < length || offset + padded < offset)
    return search(addr, length, flags, 1);

  const std::int64_t found = search(addr, padded, flags, 1);
  if (is_error(found)) return search(addr, length, flags, 1);
  auto at = static_cast<std::uint64_t>(found);
  if (at == addr) return found;
  const std::uint64_t short_of_border = (offset - at) & (kHugePageSize - 1);
  if (short_of_border == 0 && around_.behaviour.padded_search_takes_upper)
    at += kHugePageSize;
  else
    at += short_of_border;
  around_.narrator.step("thp_get_unmapped_area", [&] {
    return fmt::format("{:#x} bytes with 2 MiB of padding, huge page border → {:#x}", length, at);
  });
  return static_cast<std::int64_t>(at);
}

// hugetlb_get_unmapped_area (fs/hugetlbfs/inode.c).
std::int64_t AddressSpace::hugetlb_search(const BackingFile& file, std::uint64_t addr,
                                          std::uint64_t length, std::uint64_t flags) const {
  const std::uint64_t size = std::uint64_t{1} << file.page_shift();
  if (length % size != 0) return -EINVAL;
  if ((flags & kMapFixed) != 0 && addr % size != 0) return -EINVAL;
  const std::uint64_t hint = addr == 0 ? 0 : (addr + size - 1) & ~(size - 1);
  return search(hint, length, flags, size);
}

// unmapped_area_topdown of mm/vma.c: a gap must hold the length and the worst case of alignment.
// Where the area above the gap found is a stack, the search begins anew below its guard gap; a
// stack further up is not looked at.
std::int64_t AddressSpace::highest_gap(AddressRange limits, std::uint64_t length,
                                       std::uint64_t alignment) const {
  const std::uint64_t needed = length + (alignment - 1);
  const std::uint64_t low = std::max(limits.start, limits_.mmap_min_addr);
  if (limits.end <= low || needed > limits.end - low) return -ENOMEM;
  std::uint64_t high = limits.end;
  for (std::size_t index = areas_.index_above(limits.end - 1);; --index) {
    const Vma* above = index < areas_.size() ? &areas_[index] : nullptr;
    const std::uint64_t floor = index == 0 ? low : std::max(low, areas_[index - 1].range.end);
    const auto ceiling = [&] { return above ? std::min(high, above->range.start) : high; };
    const auto fits = [&] { return ceiling() >= floor && ceiling() - floor >= needed; };
    if (above != nullptr && fits()) high = std::min(high, start_with_gap(*above));
    if (fits()) {
      const std::uint64_t at = ceiling() - length;
      return static_cast<std::int64_t>(at - at % alignment);
    }
    if (index == 0 || floor == low) return -ENOMEM;
  }
}

// unmapped_area of mm/vma.c.
std::int64_t AddressSpace::lowest_gap(AddressRange limits, std::uint64_t length,
                                      std::uint64_t alignment) const {
  const std::uint64_t needed = length + (alignment - 1);
  std::uint64_t low = std::max(limits.start, limits_.mmap_min_addr);
  for (std::size_t index = areas_.index_above(low);; ++index) {
    const bool last = index >= areas_.size();
    if (!last && areas_[index].range.start <= low) {
      low = std::max(low, areas_[index].range.end);
      continue;
    }
    const std::uint64_t ceiling =
        last ? limits.end : std::min(limits.end, areas_[index].range.start);
    if (ceiling > low && ceiling - low >= needed) {
      const std::uint64_t at = (low + alignment - 1) & ~(alignment - 1);
      // The kernel is one byte stricter here than in the search downwards.
      const bool guarded = !last && (areas_[index].flags & kVmGrowsDown) != 0;
      if (!guarded || start_with_gap(areas_[index]) >= at + needed - 1)
        return static_cast<std::int64_t>(at);
    }
    if (last || areas_[index].range.start >= limits.end) return -ENOMEM;
    low = std::max(low, areas_[index].range.end);
  }
}

}  // namespace ft::sim::virt
