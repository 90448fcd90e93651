// How an x86-64 address is split by the page tables, and how many tables a range needs.
//
// Source: Intel SDM volume 3, chapter 5 ("Paging"); names of the levels as in Linux,
// arch/x86/include/asm/pgtable_64_types.h. Physical and virtual addresses are bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/range.h"
#include "base/units.h"

namespace ft::arch {

// How many levels of tables the processor walks: CR4.LA57.
enum class Levels : std::uint8_t { Four = 4, Five = 5 };

// A level of the tree, named after its entries. With four levels there is no P4d.
enum class Level : std::uint8_t { Pte, Pmd, Pud, P4d, Pgd };

inline constexpr unsigned kEntriesPerTable = 512;
inline constexpr unsigned kIndexBits = 9;

std::string_view name_of(Level level);                    // "pte"
std::optional<Level> level_named(std::string_view name);  // the reverse

// Bits of an address below the index of `level`: what one entry of it spans is 2^shift bytes.
constexpr unsigned shift_of(Level level, Levels levels) {
  switch (level) {
    case Level::Pte:
      return 12;
    case Level::Pmd:
      return 21;
    case Level::Pud:
      return 30;
    case Level::P4d:
      return 39;
    case Level::Pgd:
      return levels == Levels::Five ? 48 : 39;
  }
  return 0;
}

constexpr std::uint64_t span_of_entry(Level level, Levels levels) {
  return std::uint64_t{1} << shift_of(level, levels);
}

// The place of an address in each table on the way to it.
struct Indices {
  unsigned pgd = 0;
  unsigned p4d = 0;  // 0 with four levels
  unsigned pud = 0;
  unsigned pmd = 0;
  unsigned pte = 0;
  unsigned offset = 0;  // byte within the 4 KiB page

  unsigned at(Level level) const;
  bool operator==(const Indices&) const = default;
};

constexpr unsigned index_of(std::uint64_t address, Level level, Levels levels) {
  return static_cast<unsigned>(address >> shift_of(level, levels)) & (kEntriesPerTable - 1);
}

Indices split(std::uint64_t address, Levels levels);

// The canonical address with these indices: split()'s reverse.
// REQUIRES: every index < 512, offset < 4096, p4d == 0 with four levels.
std::uint64_t join(const Indices& indices, Levels levels);

constexpr unsigned address_bits(Levels levels) {
  return levels == Levels::Five ? 57 : 48;
}

// Whether all bits above those that are translated equal the highest of them; the processor
// refuses any other address (#GP).
constexpr bool is_canonical(std::uint64_t address, Levels levels) {
  const std::int64_t top = static_cast<std::int64_t>(address) >> (address_bits(levels) - 1);
  return top == 0 || top == -1;
}

// First address no program can have: Linux keeps the last page below the hole free (TASK_SIZE_MAX).
constexpr std::uint64_t user_end(Levels levels) {
  return (std::uint64_t{1} << (address_bits(levels) - 1)) - kPageSize;
}

// Tables below the top one, by the level of their entries.
struct TableNeed {
  std::uint64_t pte = 0;
  std::uint64_t pmd = 0;
  std::uint64_t pud = 0;
  std::uint64_t p4d = 0;  // 0 with four levels; counted nowhere in /proc

  std::uint64_t total() const { return pte + pmd + pud + p4d; }
  // What VmPTE shows of them, in bytes.
  std::uint64_t vm_pte_bytes() const { return (pte + pmd + pud) * kPageSize; }
  bool operator==(const TableNeed&) const = default;
};

// Tables that populating `range` makes where there were none, its leaves being entries of `leaf`:
// Pte 4 KiB pages, Pmd 2 MiB and Pud 1 GiB pages of hugetlb. (Transparent huge pages keep a
// deposited pte table each: as many as with Pte.)
TableNeed tables_for(AddressRange range, Level leaf, Levels levels);

}  // namespace ft::arch
