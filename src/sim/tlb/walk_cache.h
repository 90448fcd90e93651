// WalkCache is one set of paging-structure caches: for a walk of page tables it knows how far down
// the walk can begin, and remembers the entries the walk then loads.
//
// Steps count from a 4 KiB page's entry: 0 PTE, 1 PDE, 2 PDPTE, 3 PML4E, 4 PML5E. Only entries that
// point to tables are held (steps >= 1); those that map a page belong to the TLB.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "sim/tlb/counts.h"
#include "sim/tlb/entry_array.h"

namespace ft::sim::tlb {

class WalkCache {
 public:
  WalkCache(const WalkCacheShape& shape, arch::Levels levels);

  // Holds PDEs in `array` instead of a cache of their own. It outlives this.
  void hold_pdes_in(EntryArray* array);

  // How many entries a walk loads to reach the one `leaf` steps up that maps the page. The entries
  // on the way are held from then on.
  unsigned walk(std::uint64_t address, unsigned leaf, Asid asid) {
    unsigned steps = leaf + 1;
    while (steps < levels_ && !use(steps, address, asid)) ++steps;
    return steps - leaf;
  }
  // The same for many pages of one size, in their order; `by_loads[n]` counts the walks of n loads.
  // The keys are used up; they name entries `at` steps up: the pages' own, or upper entries that
  // were not found elsewhere.
  void walk_all(std::span<EntryKey> keys, unsigned at, unsigned leaf,
                std::span<std::uint64_t> by_loads);
  bool shares_pdes() const { return caches_[1] && !owned_[1]; }
  unsigned levels() const { return levels_; }

  // Entries on the way to any address of the range; its addresses are EntryKey::translated().
  void erase_overlapping(AddressRange translated, Asid asid);
  void erase_asid(Asid asid);
  void clear();

  // Entries held `steps` up, where these have a cache of their own.
  std::size_t size(unsigned steps) const { return owned_[steps] ? owned_[steps]->size() : 0; }
  void check() const;  // expensive

 private:
  static constexpr unsigned shift_of(unsigned steps) { return 12 + 9 * steps; }
  static EntryKey key_of(unsigned steps, std::uint64_t address, Asid asid) {
    return EntryKey::of_directory(address, shift_of(steps), asid);
  }

  // Whether the entry was held; it is afterwards. The entry used last is most often the one asked
  // for again; that it is used again changes no order.
  bool use(unsigned steps, std::uint64_t address, Asid asid) {
    EntryArray* cache = caches_[steps];
    if (!cache) return false;
    const EntryKey key = key_of(steps, address, asid);
    if (key == latest_[steps]) return true;
    if (owned_[steps]) latest_[steps] = key;
    return cache->use(key);
  }
  template <typename Condemned>
  void erase_if(Condemned condemned);

  unsigned levels_;
  std::array<std::unique_ptr<EntryArray>, kMaxLevels> owned_;  // by steps; [0] stays empty
  std::array<EntryArray*, kMaxLevels> caches_{};               // owned, or shared; null: none
  std::array<EntryKey, kMaxLevels> latest_{};                  // of owned caches only
};

}  // namespace ft::sim::tlb
