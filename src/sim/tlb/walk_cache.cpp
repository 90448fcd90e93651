#include "sim/tlb/walk_cache.h"

#include "base/check.h"

namespace ft::sim::tlb {

namespace {

// Makes each key the directory entry above it and moves those to the front that differ from the one
// before them, the first from `latest`: another use of the entry used last changes nothing. How
// many these are.
std::size_t keep_changes(std::span<EntryKey> keys, unsigned bits_above, EntryKey& latest) {
  std::size_t changes = 0;
  for (const EntryKey key : keys) {
    const EntryKey directory = key.directory_above(bits_above);
    keys[changes] = directory;
    changes += directory != latest ? 1 : 0;
    latest = directory;
  }
  return changes;
}

}  // namespace

WalkCache::WalkCache(const WalkCacheShape& shape, arch::Levels levels)
    : levels_(static_cast<unsigned>(levels)) {
  const std::array<std::uint32_t, kMaxLevels> entries = {0, shape.pde, shape.pdpte, shape.pml4e,
                                                         shape.pml5e};
  // The top level's entries are held like all others: without that a walk loads them.
  for (unsigned steps = 1; steps < levels_; ++steps) {
    if (entries[steps] == 0) continue;
    owned_[steps] = std::make_unique<EntryArray>(
        ArrayShape{.entries = entries[steps], .ways = entries[steps], .sizes = {PageSize::Small}});
    caches_[steps] = owned_[steps].get();
  }
}

void WalkCache::hold_pdes_in(EntryArray* array) {
  caches_[1] = array;
}

void WalkCache::walk_all(std::span<EntryKey> keys, unsigned at, unsigned leaf,
                         std::span<std::uint64_t> by_loads) {
  std::span<EntryKey> left = keys;
  for (unsigned steps = at + 1; steps < levels_ && !left.empty(); ++steps) {
    if (!caches_[steps]) continue;
    FT_CHECK(owned_[steps]);  // nobody else used it in between
    const std::size_t asked = keep_changes(left, 9 * (steps - at), latest_[steps]);
    at = steps;
    const std::size_t missed = caches_[steps]->use_all(left.first(asked));
    by_loads[steps - leaf] += left.size() - missed;
    left = left.first(missed);
  }
  by_loads[levels_ - leaf] += left.size();
}

template <typename Condemned>
void WalkCache::erase_if(Condemned condemned) {
  for (unsigned steps = 1; steps < levels_; ++steps) {
    if (!caches_[steps]) continue;
    caches_[steps]->erase_if(
        [&](EntryKey key) { return key.is_directory() && condemned(key, shift_of(steps)); });
  }
  latest_.fill(EntryKey());
}

void WalkCache::erase_overlapping(AddressRange translated, Asid asid) {
  erase_if([&](EntryKey key, unsigned shift) {
    return key.asid() == asid && key.span(shift).overlaps(translated);
  });
}

void WalkCache::erase_asid(Asid asid) {
  erase_if([&](EntryKey key, unsigned) { return key.asid() == asid; });
}

void WalkCache::clear() {
  erase_if([](EntryKey, unsigned) { return true; });
}

void WalkCache::check() const {
  for (unsigned steps = 1; steps < levels_; ++steps) {
    if (!owned_[steps]) continue;
    owned_[steps]->check();
    FT_CHECK(!latest_[steps].valid() || owned_[steps]->contains(latest_[steps]));
  }
}

}  // namespace ft::sim::tlb
