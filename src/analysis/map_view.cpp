#include "analysis/map_view.h"

#include <algorithm>

namespace ft::analysis {

namespace {

namespace model = report::model;

// To be compared: what is not known is smaller than nothing.
std::int64_t rank(const model::MapFigures& figures, MapKey key) {
  const auto of = [](const model::Known<std::uint64_t>& value) {
    return value ? static_cast<std::int64_t>(*value) : -1;
  };
  switch (key) {
    case MapKey::Address:
      return 0;
    case MapKey::Reserved:
      return static_cast<std::int64_t>(figures.reserved);
    case MapKey::Committed:
      return static_cast<std::int64_t>(figures.committed);
    case MapKey::Resident:
      return of(figures.once());
    case MapKey::Dirty:
      return of(figures.dirty);
    case MapKey::Huge:
      return of(figures.huge);
    case MapKey::Swapped:
      return of(figures.swapped);
    case MapKey::Shared:
      return of(figures.shared);
    case MapKey::Tables:
      return of(figures.tables);
    case MapKey::Faults:
      return of(figures.faults);
  }
  return 0;
}

template <typename Rows>
void sort_rows(Rows& rows, MapKey key) {
  std::ranges::stable_sort(rows, [&](const auto& a, const auto& b) {
    return rank(a.figures, key) > rank(b.figures, key);
  });
}

}  // namespace

std::optional<MapKey> map_key_named(std::string_view name) {
  const auto found = std::ranges::find(kMapKeyNames, name);
  if (found == kMapKeyNames.end()) return std::nullopt;
  return static_cast<MapKey>(found - kMapKeyNames.begin());
}

void sort_subsystems(model::MemoryMap& map, MapKey key) {
  sort_rows(map.subsystems, key);
}
void sort_regions(model::MemoryMap& map, MapKey key) {
  sort_rows(map.regions, key);
}

void keep_subsystem(model::MemoryMap& map, std::string_view name) {
  std::erase_if(map.subsystems, [&](const auto& row) { return row.name != name; });
  std::erase_if(map.regions, [&](const auto& row) { return row.subsystem != name; });
}

}  // namespace ft::analysis
