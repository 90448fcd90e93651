// brk(2): the heap's end moves, or stays where it was (mm/mmap.c, do_brk_flags of mm/vma.c).
#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "sim/virt/address_space.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

namespace {

constexpr VmFlags kHeapFlags =
    kVmRead | kVmWrite | kVmMayRead | kVmMayWrite | kVmMayExec | kVmAccount;

}  // namespace

Answer AddressSpace::brk(std::uint64_t addr) {
  Answer unchanged{.value = static_cast<std::int64_t>(layout_.brk)};
  if (addr < layout_.start_brk) return unchanged;
  // check_data_rlimit
  const std::uint64_t data = layout_.end_data - layout_.start_data;
  if (limits_.data != kNoLimit && addr - layout_.start_brk + data > limits_.data) {
    around_.narrator.step("brk", [] { return std::string("RLIMIT_DATA: stays where it was"); });
    return unchanged;
  }
  const std::uint64_t new_end = page_ceil(addr);
  const std::uint64_t old_end = page_ceil(layout_.brk);
  if (new_end != old_end) {
    if (addr <= layout_.brk) {
      const Vma* heap = areas_.first_in({new_end, old_end});
      if (heap == nullptr) return unchanged;
      if (unmap({new_end, old_end}, "brk") != 0) return unchanged;
    } else if (!grow_heap({old_end, new_end})) {
      return unchanged;
    }
  }
  layout_.brk = addr;
  return {.value = static_cast<std::int64_t>(addr)};
}

bool AddressSpace::grow_heap(AddressRange grown) {
  const auto& narrator = around_.narrator;
  const std::int64_t placed = unmapped_area(nullptr, grown.start, grown.size(), 0, kMapFixed);
  if (placed < 0) return false;
  const Vma* next = areas_.first_in({grown.start, grown.end + kPageSize + guard_gap()});
  if (next != nullptr && grown.end + kPageSize > start_with_gap(*next)) {
    narrator.step("brk", [&] {
      return fmt::format("{:#x}-{:#x} is in the way", next->range.start, next->range.end);
    });
    return false;
  }
  if (!may_expand(kHeapFlags, grown.size() >> kPageShift)) return false;
  if (areas_.size() > limits_.max_map_count) return false;
  if (!commit(grown.size() >> kPageShift)) return false;

  MergeRequest request{.range = grown, .only_upwards = true};
  request.properties.flags = kHeapFlags;
  request.properties.page_offset = grown.start >> kPageShift;
  Vma* before = areas_.last_before(grown.start);
  // vma_prev_limit(start_brk): an area that ends where the heap begins is not the heap.
  if (before != nullptr && before->range.end > layout_.start_brk) request.previous = before;
  if (editor_.merge_new(request) == nullptr) {
    Vma fresh = std::move(request.properties);
    fresh.range = grown;
    areas_.insert(std::move(fresh));
  }
  count(kHeapFlags, grown.size() >> kPageShift);
  return true;
}

}  // namespace ft::sim::virt
