#include "sim/tlb/geometry.h"

#include <fmt/format.h>

#include <bit>

#include "sim/tlb/plru_array.h"

namespace ft::sim::tlb {

namespace {

// Far above any real array: what a mistyped number must not make us allocate.
constexpr std::uint32_t kMaxEntries = 1U << 20U;
constexpr std::uint32_t kMaxWalkCache = 1U << 16U;

Result<void> validate_array(const ArrayShape& array, const std::string& key) {
  if (array.entries == 0 || array.entries > kMaxEntries) {
    return fail(key + ".entries",
                fmt::format("{} is not between 1 and {}", array.entries, kMaxEntries));
  }
  if (array.ways == 0 || array.ways > array.entries) {
    return fail(key + ".ways",
                fmt::format("{} is not between 1 and the {} entries", array.ways, array.entries));
  }
  if (array.entries % array.ways != 0) {
    return fail(key + ".ways",
                fmt::format("{} entries are not a multiple of {} ways", array.entries, array.ways));
  }
  if (array.index != SetIndex::Modulo && !std::has_single_bit(array.sets())) {
    return fail(key + ".ways",
                fmt::format("{} entries of {} ways are {} sets, not a power of two", array.entries,
                            array.ways, array.sets()),
                "choose the set index modulo");
  }
  if (array.replacement == Replacement::TreePlru &&
      (!std::has_single_bit(array.ways) || array.ways > PlruArray::kMaxWays)) {
    return fail(key + ".replacement",
                fmt::format("pseudo-LRU takes a power of two up to {} ways, not {}",
                            PlruArray::kMaxWays, array.ways),
                "choose lru");
  }
  if (array.sizes.empty()) return fail(key + ".sizes", "holds no page size", "name 4K, 2M or 1G");
  return {};
}

Result<void> validate_level(const std::vector<ArrayShape>& level, const std::string& key) {
  for (std::size_t i = 0; i < level.size(); ++i) {
    FT_TRY_VOID(validate_array(level[i], fmt::format("{}[{}]", key, i)));
  }
  for (const PageSize size : kAllPageSizes) {
    unsigned holders = 0;
    for (const ArrayShape& array : level) holders += array.sizes.has(size) ? 1 : 0;
    if (holders > 2) {
      return fail(key,
                  fmt::format("{} arrays hold {} pages, at most 2 can", holders, name_of(size)));
    }
  }
  return {};
}

Result<void> validate_walk_caches(const WalkCacheShape& caches, const std::string& key) {
  const auto bounded = [&](std::uint32_t entries, std::string_view name) -> Result<void> {
    if (entries <= kMaxWalkCache) return {};
    return fail(fmt::format("{}.{}", key, name),
                fmt::format("{} is not between 0 and {}", entries, kMaxWalkCache));
  };
  FT_TRY_VOID(bounded(caches.pde, "pde"));
  FT_TRY_VOID(bounded(caches.pdpte, "pdpte"));
  FT_TRY_VOID(bounded(caches.pml4e, "pml4e"));
  return bounded(caches.pml5e, "pml5e");
}

bool holds(const std::vector<ArrayShape>& level, PageSize size) {
  for (const ArrayShape& array : level) {
    if (array.sizes.has(size)) return true;
  }
  return false;
}

}  // namespace

char letter_of(Evidence evidence) {
  switch (evidence) {
    case Evidence::Verified:
      return 'V';
    case Evidence::FromMemory:
      return 'M';
    case Evidence::Given:
      break;
  }
  return '-';
}

Result<void> validate(const Geometry& geometry, std::string_view key) {
  const std::string at(key);
  if (geometry.l1.empty()) return fail(at + ".l1", "has no array", "give at least one");
  FT_TRY_VOID(validate_level(geometry.l1, at + ".l1"));
  FT_TRY_VOID(validate_level(geometry.l1_stores, at + ".l1_stores"));
  FT_TRY_VOID(validate_level(geometry.l2, at + ".l2"));
  FT_TRY_VOID(validate_walk_caches(geometry.walk_caches, at + ".walk_caches"));
  if (geometry.l2_holds_pdes && !holds(geometry.l2, PageSize::Small)) {
    return fail(at + ".l2_holds_pdes", "no L2 array holds 4K pages");
  }
  if (geometry.l2_holds_pdes && geometry.walk_caches.pde != 0) {
    return fail(at + ".walk_caches.pde", "must be 0 where l2_holds_pdes is set",
                "PDEs are held in one place");
  }
  if (geometry.l2_splits_giant && holds(geometry.l2, PageSize::Giant)) {
    return fail(at + ".l2_splits_giant", "an L2 array holds 1G pages whole");
  }
  if (geometry.l2_splits_giant && !holds(geometry.l2, PageSize::Large)) {
    return fail(at + ".l2_splits_giant", "no L2 array holds 2M pages");
  }
  if (!geometry.nested) return {};
  if (geometry.nested->tlb_entries > kMaxWalkCache) {
    return fail(
        at + ".nested.tlb_entries",
        fmt::format("{} is not between 0 and {}", geometry.nested->tlb_entries, kMaxWalkCache));
  }
  return validate_walk_caches(geometry.nested->walk_caches, at + ".nested.walk_caches");
}

std::uint64_t reach(const std::vector<ArrayShape>& level, PageSize size) {
  std::uint64_t entries = 0;
  for (const ArrayShape& array : level) entries += array.sizes.has(size) ? array.entries : 0;
  return entries * bytes_of(size);
}

Result<Geometry> core_named(std::string_view name) {
  std::string known;
  for (const Geometry& core : cores()) {
    if (core.name == name) return core;
    known += (known.empty() ? "" : ", ") + core.name;
  }
  return fail(fmt::format("TLB geometry '{}'", name), "no such core", "known: " + known);
}

}  // namespace ft::sim::tlb
