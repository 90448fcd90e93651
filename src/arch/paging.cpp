#include "arch/paging.h"

#include <array>

#include "base/check.h"

namespace ft::arch {

namespace {

constexpr std::array<std::string_view, 5> kNames = {"pte", "pmd", "pud", "p4d", "pgd"};

// Blocks of 2^shift bytes that `range` reaches into.
std::uint64_t blocks(AddressRange range, unsigned shift) {
  if (range.empty()) return 0;
  return ((range.end - 1) >> shift) - (range.start >> shift) + 1;
}

// A table of `level` is pointed to by one entry of the level above: it spans 512 of its own.
std::uint64_t tables_of(AddressRange range, Level level, Level leaf, Levels levels) {
  if (level < leaf) return 0;
  return blocks(range, shift_of(level, levels) + kIndexBits);
}

}  // namespace

std::string_view name_of(Level level) {
  return kNames[static_cast<std::size_t>(level)];
}

std::optional<Level> level_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

unsigned Indices::at(Level level) const {
  switch (level) {
    case Level::Pte:
      return pte;
    case Level::Pmd:
      return pmd;
    case Level::Pud:
      return pud;
    case Level::P4d:
      return p4d;
    case Level::Pgd:
      return pgd;
  }
  return 0;
}

Indices split(std::uint64_t address, Levels levels) {
  return {.pgd = index_of(address, Level::Pgd, levels),
          .p4d = levels == Levels::Five ? index_of(address, Level::P4d, levels) : 0,
          .pud = index_of(address, Level::Pud, levels),
          .pmd = index_of(address, Level::Pmd, levels),
          .pte = index_of(address, Level::Pte, levels),
          .offset = static_cast<unsigned>(address & (kPageSize - 1))};
}

std::uint64_t join(const Indices& indices, Levels levels) {
  FT_CHECK(indices.offset < kPageSize);
  FT_CHECK(levels == Levels::Five || indices.p4d == 0);
  std::uint64_t address = indices.offset;
  for (const Level level : {Level::Pte, Level::Pmd, Level::Pud, Level::P4d, Level::Pgd}) {
    FT_CHECK(indices.at(level) < kEntriesPerTable);
    address |= std::uint64_t{indices.at(level)} << shift_of(level, levels);
  }
  const unsigned unused = 64 - address_bits(levels);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << unused) >> unused);
}

TableNeed tables_for(AddressRange range, Level leaf, Levels levels) {
  return {.pte = tables_of(range, Level::Pte, leaf, levels),
          .pmd = tables_of(range, Level::Pmd, leaf, levels),
          .pud = tables_of(range, Level::Pud, leaf, levels),
          .p4d = levels == Levels::Five ? tables_of(range, Level::P4d, leaf, levels) : 0};
}

}  // namespace ft::arch
