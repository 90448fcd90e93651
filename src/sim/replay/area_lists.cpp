#include "sim/replay/area_lists.h"

#include <fmt/format.h>

#include <tuple>

#include "sim/virt/backing_file.h"

namespace ft::sim::replay {

namespace {

// What is compared of an area.
struct Line {
  AddressRange range;
  unsigned rights = 0;  // r w x s, from bit 0
  std::uint64_t offset = 0;
  bool operator==(const Line&) const = default;
  auto operator<=>(const Line&) const = default;
};

Line line_of(const host::Vma& area) {
  const unsigned rights = (area.readable ? 1U : 0U) | (area.writable ? 2U : 0U) |
                          (area.executable ? 4U : 0U) | (area.shared ? 8U : 0U);
  return {area.range, rights, area.is_file() ? area.offset : 0};
}

Line line_of(const virt::Vma& area) {
  const auto rights = static_cast<unsigned>(area.flags & (virt::kVmAccess | virt::kVmShared));
  const bool shows_offset = area.file != nullptr && area.file->kind() != virt::FileKind::Special;
  return {area.range, rights, shows_offset ? area.page_offset << kPageShift : 0};
}

std::string text_of(const Line& line, std::string_view name) {
  return fmt::format("{:x}-{:x} {}{}{}{} {:08x}{}{}", line.range.start, line.range.end,
                     (line.rights & 1U) != 0 ? 'r' : '-', (line.rights & 2U) != 0 ? 'w' : '-',
                     (line.rights & 4U) != 0 ? 'x' : '-', (line.rights & 8U) != 0 ? 's' : 'p',
                     line.offset, name.empty() ? "" : " ", name);
}

}  // namespace

Result<AreaList> AreaList::parse(std::string_view maps) {
  AreaList list;
  list.areas_ = FT_TRY(host::parse_maps(maps));
  std::erase_if(list.areas_, [](const host::Vma& area) { return area.name == "[vsyscall]"; });
  return list;
}

AreaDifference AreaList::compare(const std::vector<virt::Vma>& model) const {
  AreaDifference differ;
  differ.compared = true;
  auto theirs = areas_.begin();
  auto ours = model.begin();
  while (theirs != areas_.end() || ours != model.end()) {
    if (ours == model.end()) {
      differ.missing.push_back(text_of(line_of(*theirs), theirs->name));
      ++theirs;
      continue;
    }
    if (theirs == areas_.end()) {
      differ.extra.push_back(maps_line(*ours++));
      continue;
    }
    const Line recorded = line_of(*theirs);
    const Line modelled = line_of(*ours);
    if (recorded == modelled) {
      ++theirs;
      ++ours;
    } else if (recorded < modelled) {
      differ.missing.push_back(text_of(recorded, theirs->name));
      ++theirs;
    } else {
      differ.extra.push_back(text_of(modelled, ours->name));
      ++ours;
    }
  }
  return differ;
}

std::string maps_line(const virt::Vma& area) {
  return text_of(line_of(area), area.name);
}

}  // namespace ft::sim::replay
