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

struct MissedKeys {
  std::size_t pages = 0;
  std::size_t directories = 0;  // of these: keys at the front
};

// The same where directory entries are held among the pages: whatever was missed uses its own
// next, before the key after it is used. Those whose directory entry was missed too are moved to
// the front, as directory entries that span 2^bits_above pages.
template <typename Use>
[[gnu::always_inline]] inline MissedKeys keep_missed_directories(std::span<EntryKey> keys,
                                                                 unsigned bits_above, Use use) {
  MissedKeys missed;
  for (const EntryKey key : keys) {
    if (use(key)) continue;
    ++missed.pages;
    const EntryKey directory = key.directory_above(bits_above);
    keys[missed.directories] = directory;
    missed.directories += use(directory) ? 0 : 1;
  }
  return missed;
}

}  // namespace ft::sim::tlb
