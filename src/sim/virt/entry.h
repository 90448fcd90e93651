// The bits of an x86-64 page-table entry as Linux sets them in user space, and the forms an entry
// takes while it is not present.
//
// Sources: arch/x86/include/asm/pgtable_types.h, pgtable.h, pgtable_64.h, pgtable-invert.h;
// include/linux/swapops.h.
#pragma once

#include <cstdint>

#include "arch/entry.h"
#include "arch/swap_types.h"
#include "sim/phys/frame.h"

namespace ft::sim::virt {

using Entry = std::uint64_t;

using arch::kAccessed;
using arch::kDirty;
using arch::kGlobal;
using arch::kMarkerGuard;
using arch::kNoExecute;
using arch::kPresent;
using arch::kSpecial;
using arch::kUser;
using arch::kWritable;
inline constexpr Entry kLarge = arch::kHuge;       // a leaf above the pte level
inline constexpr Entry kProtNone = kGlobal;        // with P = 0: there, but nobody may touch it
inline constexpr Entry kSavedDirty = 1ULL << 58U;  // dirty, kept here while not writable (6.6)
inline constexpr Entry kTableBits = arch::kTableFlags;  // of an entry that points to a table
inline constexpr Entry kFrameMask = 0x000ffffffffff000ULL;

// MADV_GUARD_INSTALL: a pte marker, which is the last swap type (SWP_PTE_MARKER) with the guard bit
// as its offset. Types stand in bits 63 to 59, the offset inverted from bit 9.
inline constexpr unsigned kSwapTypeShift = 59;
inline constexpr unsigned kSwapOffsetShift = 9;
inline constexpr unsigned kMarkerSwapType = 31;

// The entry of a page that was swapped out: type in bits 63 to 59, inverted offset in 58 to 9.
constexpr Entry swap_entry(unsigned type, std::uint64_t offset) {
  return (~offset << kSwapOffsetShift << (64U - kSwapTypeShift) >> (64U - kSwapTypeShift)) |
         (Entry{type} << kSwapTypeShift);
}

inline constexpr Entry kGuardEntry = swap_entry(kMarkerSwapType, kMarkerGuard);

// Something of ours lies behind it: mapped, whether or not it may be touched (pte_present).
constexpr bool is_present(Entry entry) {
  return (entry & (kPresent | kProtNone)) != 0;
}
// The processor may use it.
constexpr bool is_accessible(Entry entry) {
  return (entry & kPresent) != 0;
}
constexpr bool is_guard(Entry entry) {
  return entry == kGuardEntry;
}
constexpr bool is_swap(Entry entry) {
  return entry != 0 && !is_present(entry) && !is_guard(entry);
}
constexpr bool is_dirty(Entry entry) {
  return (entry & (kDirty | kSavedDirty)) != 0;
}

// The frame number is stored inverted while the entry is not present, against L1TF.
constexpr phys::Pfn frame_of(Entry entry) {
  const Entry frame = (entry & kPresent) != 0 ? entry : ~entry;
  return (frame & kFrameMask) >> 12U;
}
// `bits`: everything but the frame.
constexpr Entry make_entry(phys::Pfn pfn, Entry bits) {
  const Entry frame = pfn << 12U;
  return (((bits & kPresent) != 0 ? frame : ~frame) & kFrameMask) | (bits & ~kFrameMask);
}
constexpr Entry bits_of(Entry entry) {
  return entry & ~kFrameMask;
}

}  // namespace ft::sim::virt
