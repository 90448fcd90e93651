#include "sim/profile/tlb_section.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace ft::sim::profile {

namespace {

// What tlb::validate refuses is told with the key's place; these only keep numbers 32 bits wide.
constexpr std::uint64_t kMostEntries = 1U << 20U;

Result<std::uint32_t> count(TomlView& view, std::string_view key, std::uint64_t least,
                            std::uint32_t otherwise) {
  const auto value = FT_TRY(view.whole(key, least, kMostEntries));
  return static_cast<std::uint32_t>(value.value_or(otherwise));
}

Result<tlb::PageSizes> sizes_of(TomlView& view) {
  constexpr std::string_view kAllowed = "allowed: an array of \"4K\", \"2M\", \"1G\"";
  const toml::node* at = view.node("sizes");
  if (!at) return view.missing("sizes", std::string(kAllowed));
  const toml::array* array = at->as_array();
  if (!array || array->empty()) {
    return view.wrong_at(*at, "sizes", "it names no page size", std::string(kAllowed));
  }
  tlb::PageSizes sizes;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const auto* text = (*array)[i].as_string();
    bool known = false;
    for (const tlb::PageSize size : tlb::kAllPageSizes) {
      if (!text || text->get() != tlb::name_of(size)) continue;
      sizes.add(size);
      known = true;
    }
    if (!known) {
      return view.wrong_at((*array)[i], fmt::format("sizes[{}]", i), "it is no page size",
                           std::string(kAllowed));
    }
  }
  return sizes;
}

Result<tlb::ArrayShape> array_of(TomlView& view) {
  constexpr std::array<std::string_view, 3> kIndexes = {"low-bits", "xor-fold", "modulo"};
  constexpr std::array<std::string_view, 2> kReplacements = {"lru", "tree-plru"};
  tlb::ArrayShape array;
  array.entries = FT_TRY(count(view, "entries", 1, 0));
  if (array.entries == 0) return view.missing("entries", "allowed: the number of entries");
  array.ways = FT_TRY(count(view, "ways", 1, array.entries));
  array.sizes = FT_TRY(sizes_of(view));
  const std::string index = FT_TRY(view.one_of("index", kIndexes)).value_or("");
  if (index == "xor-fold") array.index = tlb::SetIndex::XorFold;
  if (index == "modulo") array.index = tlb::SetIndex::Modulo;
  const std::string replacement = FT_TRY(view.one_of("replacement", kReplacements)).value_or("");
  if (replacement == "tree-plru") array.replacement = tlb::Replacement::TreePlru;
  FT_TRY_VOID(view.nothing_else());
  return array;
}

Result<std::vector<tlb::ArrayShape>> level_of(TomlView& section, std::string_view key) {
  constexpr std::size_t kMostArrays = 16;
  std::vector<tlb::ArrayShape> level;
  std::vector<TomlView> views = FT_TRY(section.tables(key));
  if (views.size() > kMostArrays) {
    return section.wrong(key, fmt::format("{} arrays", views.size()),
                         fmt::format("allowed: up to {}", kMostArrays));
  }
  for (TomlView& view : views) level.push_back(FT_TRY(array_of(view)));
  return level;
}

Result<tlb::WalkCacheShape> walk_caches_of(TomlView& section) {
  tlb::WalkCacheShape caches;
  std::optional<TomlView> view = FT_TRY(section.table("walk_caches"));
  if (!view) return caches;
  caches.pde = FT_TRY(count(*view, "pde", 0, 0));
  caches.pdpte = FT_TRY(count(*view, "pdpte", 0, 0));
  caches.pml4e = FT_TRY(count(*view, "pml4e", 0, 0));
  caches.pml5e = FT_TRY(count(*view, "pml5e", 0, 0));
  FT_TRY_VOID(view->nothing_else());
  return caches;
}

Result<arch::Levels> levels_of(TomlView& section) {
  const auto levels = FT_TRY(section.whole("levels", 4, 5));
  return levels == 5 ? arch::Levels::Five : arch::Levels::Four;
}

Result<std::optional<tlb::NestedPaging>> nested_of(TomlView& section) {
  constexpr std::array<std::string_view, 3> kSizes = {"4K", "2M", "1G"};
  std::optional<TomlView> view = FT_TRY(section.table("nested"));
  if (!view) return std::nullopt;
  tlb::NestedPaging nested;
  nested.levels = FT_TRY(levels_of(*view));
  const std::string size = FT_TRY(view->one_of("page", kSizes)).value_or("");
  for (const tlb::PageSize known : tlb::kAllPageSizes) {
    if (size == tlb::name_of(known)) nested.page_size = known;
  }
  nested.tlb_entries = FT_TRY(count(*view, "tlb_entries", 0, 0));
  nested.walk_caches = FT_TRY(walk_caches_of(*view));
  FT_TRY_VOID(view->nothing_else());
  return nested;
}

std::string known_cores() {
  std::string names;
  for (const tlb::Geometry& core : tlb::cores()) {
    names += (names.empty() ? "" : ", ") + core.name;
  }
  return names;
}

// tlb::validate names keys as this file does: "tlb.l2[0].ways".
std::unexpected<Error> refused(const TomlView& root, const toml::node& section,
                               const Error& error) {
  constexpr std::string_view kSection = "tlb.";
  std::string path = error.what.substr(std::min(kSection.size(), error.what.size()));
  const toml::node* at = &section;
  while (!path.empty()) {
    if (const auto found = toml::at_path(section, path); found.node()) {
      at = found.node();
      break;
    }
    const std::size_t dot = path.find_last_of('.');
    path.resize(dot == std::string::npos ? 0 : dot);
  }
  return root.wrong_at(*at, error.what, error.why, error.remedy);
}

Result<tlb::Geometry> spelled_out(TomlView& section) {
  tlb::Geometry geometry;
  geometry.name = FT_TRY(section.text("name")).value_or("own");
  geometry.core = geometry.name;
  geometry.l1 = FT_TRY(level_of(section, "l1"));
  geometry.l1_stores = FT_TRY(level_of(section, "l1_stores"));
  geometry.l2 = FT_TRY(level_of(section, "l2"));
  geometry.l2_splits_giant = FT_TRY(section.flag("l2_splits_giant")).value_or(false);
  geometry.l2_holds_pdes = FT_TRY(section.flag("l2_holds_pdes")).value_or(false);
  geometry.walk_caches = FT_TRY(walk_caches_of(section));
  return geometry;
}

}  // namespace

Result<tlb::Geometry> tlb_of(TomlView& root) {
  const std::string allowed =
      fmt::format("allowed: a [tlb] section with core = one of {}, or with l1 and l2 spelled out",
                  known_cores());
  std::optional<TomlView> section = FT_TRY(root.table("tlb"));
  if (!section) return root.missing("tlb", allowed);
  const toml::node& place = *root.node("tlb");
  tlb::Geometry geometry;
  if (const auto core = FT_TRY(section->text("core"))) {
    auto named = tlb::core_named(*core);
    if (!named) {
      return section->wrong("core", fmt::format("'{}' is no core", printable(*core)),
                            fmt::format("allowed: {}", known_cores()));
    }
    geometry = std::move(*named);
  } else {
    geometry = FT_TRY(spelled_out(*section));
  }
  geometry.levels = FT_TRY(levels_of(*section));
  geometry.nested = FT_TRY(nested_of(*section));
  FT_TRY_VOID(section->nothing_else());
  if (const auto valid = tlb::validate(geometry); !valid) {
    return refused(root, place, valid.error());
  }
  return geometry;
}

}  // namespace ft::sim::profile
