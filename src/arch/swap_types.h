// What the 32 types of entries in swap format stand for: swap areas from 0 up, and what the kernel
// put at the end of the row for its own use (include/linux/swap.h).
#pragma once

#include "arch/entry.h"

namespace ft::arch {

inline constexpr unsigned kSwapTypes = 32;

enum class SwapUse : std::uint8_t {
  Area,
  HwPoison,
  MigrationRead,
  MigrationReadExclusive,
  MigrationWrite,
  DeviceWrite,
  DeviceRead,
  DeviceExclusive,
  DeviceExclusiveRead,  // to 6.14
  Marker,
  SwapInError,  // 6.1
};

// REQUIRES: type < kSwapTypes.
SwapUse use_of_swap_type(unsigned type, const EntryRules& rules);

// The type with that use; nothing where this kernel has none. Area: the first.
std::optional<unsigned> swap_type_for(SwapUse use, const EntryRules& rules);

// Migration, device and poison entries hold a frame in the low bits of the offset; above it are the
// page's accessed and dirty bits (include/linux/swapops.h, SWP_PFN_BITS).
constexpr unsigned swap_frame_bits(Levels levels) {
  return levels == Levels::Five ? 40 : 34;
}

// Offsets of a marker entry.
inline constexpr std::uint64_t kMarkerUffd = 1;
inline constexpr std::uint64_t kMarkerPoisoned = 2;
inline constexpr std::uint64_t kMarkerGuard = 4;

}  // namespace ft::arch
