// Tlb is the data side of one CPU's translation lookaside buffers: it is asked for each access and
// says whether L1 or L2 knew the translation, or how many loads the walk of the page tables took.
//
// What it is told, it believes: the size of the page behind an address comes from whoever holds the
// page tables, and so does the news that an entry became stale. A look-up asks only the arrays that
// hold that size, which gives the same result as asking all: no two sizes map one address at a
// time, once the stale ones are invalidated.
//
// Modelled as most cores do it: a walk fills L2 and L1, an L2 hit fills L1, and an L1 hit leaves
// the ages in L2 as they are. Not modelled: global entries, prefetched translations, the merging of
// neighbouring pages into one entry, walks that overlap, the instruction side.
//
// In a virtual machine an entry spans the smaller of the guest's and the host's page. For the
// host's tables, guest-physical addresses are taken as contiguous as the virtual ones, and guest
// page tables as packed by level; no invalidation by the guest drops what the host's side holds.
//
// Sources: Intel SDM 3A, "Caching Translation Information", and 3C, "VPID and EPT"; AMD APM 2,
// "Translation-Lookaside Buffer".
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/range.h"
#include "sim/tlb/counts.h"
#include "sim/tlb/entry_array.h"
#include "sim/tlb/geometry.h"
#include "sim/tlb/walk_cache.h"

namespace ft::sim::tlb {

enum class DataAccess : std::uint8_t { Load, Store };

enum class FoundIn : std::uint8_t { L1, L2, PageTables };

struct Lookup {
  FoundIn found = FoundIn::L1;
  std::uint8_t loads = 0;  // of the walk; 0 where there was none

  bool operator==(const Lookup&) const = default;
};

enum class TlbLevel : std::uint8_t { L1, L1Stores, L2 };

class Tlb {
 public:
  static Result<Tlb> make(const Geometry& geometry);
  Tlb(Tlb&&) = default;
  Tlb& operator=(Tlb&&) = default;

  // Translates one access by the current address space. Afterwards the translation is held.
  Lookup access(std::uint64_t address, PageSize size, DataAccess access = DataAccess::Load) {
    const EntryKey key = EntryKey::of_page(address, held_size_[index_of(size)], asid_);
    EntryArray* l1 = l1_[static_cast<unsigned>(access)][key_index(key)].array_of(key);
    if (l1 && l1->use(key)) {
      ++counts_.l1_hits[index_of(size)];
      return {FoundIn::L1, 0};
    }
    const EntryKey l2_key = l2_key_of(address, key);
    EntryArray* l2 = l2_[key_index(l2_key)].array_of(l2_key);
    if (l2 && l2->use(l2_key)) {
      ++counts_.l2_hits[index_of(size)];
      return {FoundIn::L2, 0};
    }
    return {FoundIn::PageTables, walk(address, size)};
  }

  // The same for many accesses to pages of one size, in their order, several times as fast.
  void access_all(std::span<const std::uint64_t> addresses, PageSize size,
                  DataAccess access = DataAccess::Load);

  // The address space accesses belong to from now on; entries of others stay. (A processor without
  // PCIDs drops them: call invalidate_all().) REQUIRES: asid <= kMaxAsid.
  void switch_to(Asid asid);
  Asid asid() const { return asid_; }

  // INVLPG, INVPCID type 0: whatever translates this address. `size` is the page's in the process's
  // tables: all entries of a page that had to be split go.
  void invalidate_page(Asid asid, std::uint64_t address, PageSize size);
  // Every entry that translates any of `range`. As many single invalidations as it takes.
  void invalidate_range(Asid asid, AddressRange range);
  // INVPCID type 1, a write of CR3: all of one address space.
  void invalidate_asid(Asid asid);
  // INVPCID type 2: all of all.
  void invalidate_all();

  // Whether this page's translation is held in the level; ages stay.
  bool holds(TlbLevel level, Asid asid, std::uint64_t address, PageSize size) const;
  // Entries in use, and entries there are. PDEs in L2 count.
  std::size_t entries(TlbLevel level) const;
  std::size_t capacity(TlbLevel level) const;

  const Geometry& geometry() const { return geometry_; }
  const Counts& counts() const { return counts_; }
  void reset_counts() { counts_ = Counts(); }

  void check() const;  // expensive; tests run it after every step

 private:
  // The arrays of a level that hold one page size.
  struct Route {
    EntryArray* first = nullptr;
    EntryArray* second = nullptr;

    std::size_t use_all(std::span<EntryKey> keys) const;
    EntryArray* array_of(EntryKey key) const {
      if (!second) [[likely]]
        return first;
      return key.in_odd_half() ? second : first;
    }
  };
  using Routes = std::array<Route, kPageSizes>;
  using Arrays = std::vector<std::unique_ptr<EntryArray>>;

  explicit Tlb(const Geometry& geometry);

  static Routes build(const std::vector<ArrayShape>& level, Arrays& arrays);
  static unsigned key_index(EntryKey key) { return index_of(key.size()); }

  EntryKey l2_key_of(std::uint64_t address, EntryKey key) const {
    if (l2_splits_giant_ && key.size() == PageSize::Giant) [[unlikely]]
      return EntryKey::of_page(address, PageSize::Large, asid_);
    return key;
  }

  // Loads of the walk, counted.
  std::uint8_t walk(std::uint64_t address, PageSize size) {
    const unsigned leaf = index_of(size);
    const unsigned loads = guest_walks_.walk(address, leaf, asid_);
    ++counts_.walks[leaf][loads];
    if (!host_) [[likely]]
      return static_cast<std::uint8_t>(loads);
    return static_cast<std::uint8_t>(loads + nested_loads(address, leaf, loads));
  }
  void access_batch(std::span<EntryKey> keys, PageSize size, DataAccess access);
  unsigned nested_loads(std::uint64_t address, unsigned leaf, unsigned guest_loads);
  unsigned host_walk(std::uint64_t guest_physical);

  const Arrays& arrays_of(TlbLevel level) const;
  template <typename Visit>
  void for_each_array(Visit visit);
  template <typename Condemned>
  void drop_if(Condemned condemned);
  bool split_at(PageSize size) const;
  void drop_at(Asid asid, std::uint64_t address);
  void drop_upper(Asid asid, AddressRange range);

  // The host's side of a virtual machine.
  struct Host {
    WalkCache walks;
    std::unique_ptr<EntryArray> tlb;  // guest-physical pages; null: none
  };

  Geometry geometry_;
  Asid asid_ = 0;
  bool l2_splits_giant_;
  std::array<PageSize, kPageSizes> held_size_{};  // by the size the process's tables have
  Arrays l1_arrays_;
  Arrays l1_store_arrays_;
  Arrays l2_arrays_;
  std::array<Routes, 2> l1_{};  // by DataAccess
  Routes l2_{};
  WalkCache guest_walks_;
  std::unique_ptr<Host> host_;
  Counts counts_;
};

}  // namespace ft::sim::tlb
