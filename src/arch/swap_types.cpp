#include "arch/swap_types.h"

#include <array>

#include "base/check.h"

namespace ft::arch {

namespace {

struct TypeTable {
  std::array<SwapUse, kSwapTypes> uses{};  // Area unless something was put there
};

// The kernel counts its own types down from 32, in the order of MAX_SWAPFILES' definition.
TypeTable table_for(const EntryRules& rules) {
  std::array<SwapUse, 12> special{};
  std::size_t count = 0;
  const auto add = [&](SwapUse use) { special[count++] = use; };
  if (rules.memory_failure) add(SwapUse::HwPoison);
  add(SwapUse::MigrationRead);
  add(SwapUse::MigrationReadExclusive);
  add(SwapUse::MigrationWrite);
  if (rules.device_private) {
    add(SwapUse::DeviceWrite);
    add(SwapUse::DeviceRead);
    add(SwapUse::DeviceExclusive);
    if (rules.dialect != Dialect::Linux6_18) add(SwapUse::DeviceExclusiveRead);
  }
  add(SwapUse::Marker);
  if (rules.dialect == Dialect::Linux6_1) add(SwapUse::SwapInError);

  TypeTable table;
  for (std::size_t i = 0; i < count; ++i) table.uses[kSwapTypes - count + i] = special[i];
  return table;
}

}  // namespace

SwapUse use_of_swap_type(unsigned type, const EntryRules& rules) {
  FT_CHECK(type < kSwapTypes);
  return table_for(rules).uses[type];
}

std::optional<unsigned> swap_type_for(SwapUse use, const EntryRules& rules) {
  const TypeTable table = table_for(rules);
  for (unsigned type = 0; type < kSwapTypes; ++type) {
    if (table.uses[type] == use) return type;
  }
  return std::nullopt;
}

}  // namespace ft::arch
