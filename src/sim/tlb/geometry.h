// Geometry says what a core's TLBs look like: plain data, which Tlb is made from.
//
// Only the data side: loads and stores. The instruction side of a core has TLBs of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/paging.h"
#include "base/result.h"
#include "sim/tlb/page_size.h"
#include "sim/tlb/replacement.h"

namespace ft::sim::tlb {

// How the set is chosen from the page's number.
enum class SetIndex : std::uint8_t {
  LowBits,  // the number's lowest bits; sets must be a power of two
  XorFold,  // those, xor the bits above them; sets must be a power of two
  Modulo,   // the remainder: for any number of sets
};

// One array of entries. Fully associative where ways == entries.
struct ArrayShape {
  std::uint32_t entries = 0;
  std::uint32_t ways = 0;
  PageSizes sizes;
  SetIndex index = SetIndex::LowBits;
  Replacement replacement = Replacement::Lru;

  std::uint32_t sets() const { return entries / ways; }
};

// Paging-structure caches, each fully associative: entries of upper tables, which let a walk begin
// further down. 0: none. Vendors do not state their sizes.
struct WalkCacheShape {
  std::uint32_t pde = 0;    // entries that span 2 MiB
  std::uint32_t pdpte = 0;  // 1 GiB
  std::uint32_t pml4e = 0;  // 512 GiB
  std::uint32_t pml5e = 0;  // 256 TiB, with five levels
};

// A virtual machine: each guest-physical address is itself translated, by tables of the host.
struct NestedPaging {
  arch::Levels levels = arch::Levels::Four;
  PageSize page_size = PageSize::Small;  // of the host's mapping of the guest's memory
  std::uint32_t tlb_entries = 0;         // guest-physical pages remembered; fully associative
  WalkCacheShape walk_caches;            // of the host's tables
};

// What the invalidation of one page does to the paging-structure caches.
enum class UpperInvalidation : std::uint8_t {
  AddressSpace,  // drops all of that address space's (Intel SDM 3A, "Operations that Invalidate")
  Path,          // drops those on the way to the page (AMD64 with EFER.TCE)
};

// Where the figures of a geometry come from.
enum class Evidence : std::uint8_t {
  Verified,    // the vendor's table, the processor's own CPUID, or a published microbenchmark
  FromMemory,  // vendor's manual from memory: verify before use
  Given,       // the user's own
};
char letter_of(Evidence evidence);  // 'V', 'M', '-'

struct Geometry {
  std::string name;  // "zen4"
  std::string core;  // "AMD Zen 4"
  Evidence evidence = Evidence::Given;
  std::string assumed;  // what even so is an assumption: "L2 ways, paging-structure caches"

  std::vector<ArrayShape> l1;         // for loads; for stores too where l1_stores is empty
  std::vector<ArrayShape> l1_stores;  // a first level of their own
  // May be empty. Where two arrays of a level hold the same size, each page has its place in one of
  // them by the parity of its number.
  std::vector<ArrayShape> l2;
  bool l2_splits_giant = false;  // a 1 GiB page takes 2 MiB entries there ("smashed")
  bool l2_holds_pdes = false;    // the L2 array of 4 KiB pages is the PDE cache as well

  WalkCacheShape walk_caches;
  UpperInvalidation upper_invalidation = UpperInvalidation::AddressSpace;
  arch::Levels levels = arch::Levels::Four;
  std::optional<NestedPaging> nested;

  // Stated by sources, not part of what is hit or missed.
  std::optional<std::uint32_t> walkers;        // walks at a time
  std::optional<std::uint32_t> l2_hit_cycles;  // on top of an L1 hit
};

// Fails with what = the key, "tlb.l2[0].ways", where no such TLB can be. `key` is what errors call
// the geometry.
Result<void> validate(const Geometry& geometry, std::string_view key = "tlb");

// Bytes that the arrays can translate at once where all is mapped with `size`.
std::uint64_t reach(const std::vector<ArrayShape>& level, PageSize size);

// The cores that are built in: current x86-64 and Arm servers.
const std::vector<Geometry>& cores();
// By name; the Error says which there are.
Result<Geometry> core_named(std::string_view name);

}  // namespace ft::sim::tlb
