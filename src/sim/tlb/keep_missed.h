// Part of using many entries at once: what was missed goes on to the next level.
#pragma once

#include <span>

#include "sim/tlb/entry_key.h"

namespace ft::sim::tlb {

// Calls use(key) for each in order, and moves those for which it was false to the front. How many
// these are.
template <typename Use>
[[gnu::always_inline]] inline std::size_t keep_missed(std::span<EntryKey> keys, Use use) {
  std::size_t missed = 0;
  for (const EntryKey key : keys) {
    keys[missed] = key;
    missed += use(key) ? 0 : 1;
  }
  return missed;
}

}  // namespace ft::sim::tlb
