#include "sim/tlb/tlb.h"

#include <algorithm>

#include "base/check.h"

namespace ft::sim::tlb {

namespace {

// Ranges of more small pages than that are searched for entry by entry instead of page by page.
constexpr std::uint64_t kMaxProbes = 64;

// As many keys as stay in a core's cache beside the arrays.
constexpr std::size_t kBatch = 512;

// Where the model puts the guest's page tables: a region for each level, above all data.
std::uint64_t guest_table_address(unsigned steps, std::uint64_t address) {
  const unsigned table_shift = 12 + 9 * (steps + 1);
  const std::uint64_t number = EntryKey::translated(address) >> table_shift;
  return (std::uint64_t{steps + 1} << 53U) + number * kPageSize;
}

AddressRange translated(AddressRange range) {
  const std::uint64_t start = EntryKey::translated(range.start);
  return AddressRange::of_size(start, range.size());
}

}  // namespace

Result<Tlb> Tlb::make(const Geometry& geometry) {
  FT_TRY_VOID(validate(geometry));
  return Tlb(geometry);
}

Tlb::Tlb(const Geometry& geometry)
    : geometry_(geometry),
      l2_splits_giant_(geometry.l2_splits_giant),
      guest_walks_(geometry.walk_caches, geometry.levels) {
  const PageSize limit = geometry.nested ? geometry.nested->page_size : PageSize::Giant;
  for (const PageSize size : kAllPageSizes) held_size_[index_of(size)] = std::min(size, limit);

  const Routes loads = build(geometry.l1, l1_arrays_);
  const Routes stores =
      geometry.l1_stores.empty() ? loads : build(geometry.l1_stores, l1_store_arrays_);
  l1_ = {loads, stores};
  l2_ = build(geometry.l2, l2_arrays_);
  if (geometry.l2_holds_pdes) guest_walks_.hold_pdes_in(l2_[index_of(PageSize::Small)].first);
  if (!geometry.nested) return;
  const NestedPaging& nested = *geometry.nested;
  host_ = std::make_unique<Host>(Host{WalkCache(nested.walk_caches, nested.levels), nullptr});
  if (nested.tlb_entries == 0) return;
  host_->tlb = std::make_unique<EntryArray>(ArrayShape{
      .entries = nested.tlb_entries, .ways = nested.tlb_entries, .sizes = {nested.page_size}});
}

Tlb::Routes Tlb::build(const std::vector<ArrayShape>& level, Arrays& arrays) {
  Routes routes;
  for (const ArrayShape& shape : level) {
    arrays.push_back(std::make_unique<EntryArray>(shape));
    for (const PageSize size : kAllPageSizes) {
      if (!shape.sizes.has(size)) continue;
      Route& route = routes[index_of(size)];
      (route.first ? route.second : route.first) = arrays.back().get();
    }
  }
  return routes;
}

// Level by level: what one level holds does not depend on what the next one says, so a whole batch
// can pass L1 before its misses go to L2.
void Tlb::access_all(std::span<const std::uint64_t> addresses, PageSize size, DataAccess access) {
  if (l2_splits_giant_ && size == PageSize::Giant) {  // a key would not say which 2 MiB are meant
    for (const std::uint64_t address : addresses) this->access(address, size, access);
    return;
  }
  std::array<EntryKey, kBatch> keys;
  const PageSize held = held_size_[index_of(size)];
  while (!addresses.empty()) {
    const std::size_t count = std::min(addresses.size(), kBatch);
    for (std::size_t i = 0; i < count; ++i) {
      keys[i] = EntryKey::of_page(addresses[i], held, asid_);
    }
    access_batch(std::span(keys).first(count), size, access);
    addresses = addresses.subspan(count);
  }
}

void Tlb::access_batch(std::span<EntryKey> keys, PageSize size, DataAccess access) {
  const unsigned held = index_of(held_size_[index_of(size)]);
  const std::size_t l1_missed = l1_[static_cast<unsigned>(access)][held].use_all(keys);
  counts_.l1_hits[index_of(size)] += keys.size() - l1_missed;
  keys = keys.first(l1_missed);
  const Route& l2 = l2_[held];
  const bool walks_change_l2 = guest_walks_.shares_pdes() && size == PageSize::Small;
  if (host_ || (walks_change_l2 && l2.second)) {
    for (const EntryKey key : keys) {
      if (l2.first && l2.array_of(key)->use(key)) {
        ++counts_.l2_hits[index_of(size)];
      } else {
        walk(key.number() << shift_of(key.size()), size);
      }
    }
    return;
  }
  auto& walks = counts_.walks[index_of(size)];
  const unsigned leaf = index_of(size);
  if (walks_change_l2) {
    const MissedKeys missed = l2.first->use_all_with_directories(keys, 9);
    counts_.l2_hits[leaf] += keys.size() - missed.pages;
    walks[1] += missed.pages - missed.directories;
    guest_walks_.walk_all(keys.first(missed.directories), 1, leaf, walks);
    return;
  }
  const std::size_t l2_missed = l2.use_all(keys);
  counts_.l2_hits[leaf] += keys.size() - l2_missed;
  guest_walks_.walk_all(keys.first(l2_missed), leaf, leaf, walks);
}

std::size_t Tlb::Route::use_all(std::span<EntryKey> keys) const {
  if (!first) return keys.size();
  if (!second) return first->use_all(keys);
  return first->use_all_by_parity(keys, *second);
}

// An entry found in a paging-structure cache points to its table by host-physical address; every
// other table on the way, and the page itself, has a guest-physical one, which the host's tables
// translate.
unsigned Tlb::nested_loads(std::uint64_t address, unsigned leaf, unsigned guest_loads) {
  unsigned loads = host_walk(EntryKey::translated(address));
  const bool from_the_top = leaf + guest_loads == guest_walks_.levels();
  const unsigned known = from_the_top ? 0 : 1;
  for (unsigned i = 0; i < guest_loads - known; ++i) {
    loads += host_walk(guest_table_address(leaf + i, address));
  }
  counts_.nested_loads += loads;
  return loads;
}

unsigned Tlb::host_walk(std::uint64_t guest_physical) {
  const PageSize size = geometry_.nested->page_size;
  const EntryKey key = EntryKey::of_page(guest_physical, size, asid_);
  if (host_->tlb && host_->tlb->use(key)) return 0;
  return host_->walks.walk(guest_physical, index_of(size), asid_);
}

void Tlb::switch_to(Asid asid) {
  FT_CHECK(asid <= kMaxAsid);
  asid_ = asid;
}

template <typename Visit>
void Tlb::for_each_array(Visit visit) {
  for (const Arrays* arrays : {&l1_arrays_, &l1_store_arrays_, &l2_arrays_}) {
    for (const auto& array : *arrays) visit(*array);
  }
}

template <typename Condemned>
void Tlb::drop_if(Condemned condemned) {
  for_each_array([&](EntryArray& array) {
    array.erase_if([&](EntryKey key) {
      const bool drop = !key.is_directory() && condemned(key);
      counts_.invalidated += drop ? 1 : 0;
      return drop;
    });
  });
}

void Tlb::invalidate_page(Asid asid, std::uint64_t address, PageSize size) {
  if (split_at(size)) {
    invalidate_range(asid, AddressRange::of_size(address & ~(bytes_of(size) - 1), bytes_of(size)));
    return;
  }
  drop_at(asid, address);
  drop_upper(asid, AddressRange::of_size(address, 1));
}

// Whether a page of this size may be held as several smaller entries.
bool Tlb::split_at(PageSize size) const {
  return held_size_[index_of(size)] != size || (l2_splits_giant_ && size == PageSize::Giant);
}

void Tlb::drop_at(Asid asid, std::uint64_t address) {
  for_each_array([&](EntryArray& array) {
    for (const PageSize size : kAllPageSizes) {
      if (!array.shape().sizes.has(size)) continue;
      counts_.invalidated += array.erase(EntryKey::of_page(address, size, asid)) ? 1 : 0;
    }
  });
}

void Tlb::drop_upper(Asid asid, AddressRange range) {
  if (geometry_.upper_invalidation == UpperInvalidation::Path) {
    guest_walks_.erase_overlapping(translated(range), asid);
  } else {
    guest_walks_.erase_asid(asid);
  }
}

void Tlb::invalidate_range(Asid asid, AddressRange range) {
  if (range.empty()) return;
  const std::uint64_t first = page_floor(range.start);
  const std::uint64_t pages = (range.end - 1 - first) / kPageSize + 1;
  if (pages <= kMaxProbes) {
    for (std::uint64_t i = 0; i < pages; ++i) drop_at(asid, first + i * kPageSize);
  } else {
    const AddressRange stale = translated(range);
    drop_if([&](EntryKey key) {
      return key.asid() == asid && key.span(shift_of(key.size())).overlaps(stale);
    });
  }
  drop_upper(asid, range);
}

void Tlb::invalidate_asid(Asid asid) {
  drop_if([&](EntryKey key) { return key.asid() == asid; });
  guest_walks_.erase_asid(asid);
}

void Tlb::invalidate_all() {
  drop_if([](EntryKey) { return true; });
  guest_walks_.clear();
}

bool Tlb::holds(TlbLevel level, Asid asid, std::uint64_t address, PageSize size) const {
  EntryKey key = EntryKey::of_page(address, held_size_[index_of(size)], asid);
  if (level != TlbLevel::L2) {
    const EntryArray* array =
        l1_[level == TlbLevel::L1Stores ? 1 : 0][key_index(key)].array_of(key);
    return array && array->contains(key);
  }
  if (l2_splits_giant_ && key.size() == PageSize::Giant) {
    key = EntryKey::of_page(address, PageSize::Large, asid);
  }
  const EntryArray* array = l2_[key_index(key)].array_of(key);
  return array && array->contains(key);
}

const Tlb::Arrays& Tlb::arrays_of(TlbLevel level) const {
  switch (level) {
    case TlbLevel::L1:
      return l1_arrays_;
    case TlbLevel::L1Stores:
      return l1_store_arrays_.empty() ? l1_arrays_ : l1_store_arrays_;
    case TlbLevel::L2:
      break;
  }
  return l2_arrays_;
}

std::size_t Tlb::entries(TlbLevel level) const {
  std::size_t sum = 0;
  for (const auto& array : arrays_of(level)) sum += array->size();
  return sum;
}

std::size_t Tlb::capacity(TlbLevel level) const {
  std::size_t sum = 0;
  for (const auto& array : arrays_of(level)) sum += array->shape().entries;
  return sum;
}

void Tlb::check() const {
  for (const Arrays* arrays : {&l1_arrays_, &l1_store_arrays_, &l2_arrays_}) {
    for (const auto& array : *arrays) {
      array->check();
      array->for_each([&](EntryKey key) {
        FT_CHECK(key.is_directory() ? arrays == &l2_arrays_ && geometry_.l2_holds_pdes
                                    : array->shape().sizes.has(key.size()));
      });
    }
  }
  guest_walks_.check();
  if (!host_) return;
  host_->walks.check();
  if (host_->tlb) host_->tlb->check();
}

}  // namespace ft::sim::tlb
