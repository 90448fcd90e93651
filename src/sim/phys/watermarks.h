// The numbers that decide when a zone counts as short of memory, as the kernel computes them from
// the sizes of all zones (mm/page_alloc.c, mm/khugepaged.c). Everything in pages unless it says kB.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ft::sim::phys {

// A zone of a node, from low to high addresses (include/linux/mmzone.h enum zone_type).
enum class ZoneKind : std::uint8_t { Dma, Dma32, Normal, Movable };
inline constexpr unsigned kZoneKinds = 4;

constexpr unsigned index_of(ZoneKind kind) {
  return static_cast<unsigned>(kind);
}

struct Watermarks {
  std::uint64_t min = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t promo = 0;
  std::uint64_t boost = 0;  // on top of each, after pageblocks were claimed for another type

  bool operator==(const Watermarks&) const = default;
};

// vm.*, as sysctl shows them.
struct WatermarkSettings {
  // min_free_kbytes where somebody wrote it; otherwise it is computed.
  std::optional<std::uint64_t> user_min_free_kbytes;
  std::uint64_t watermark_scale_factor = 10;     // of 10000 of the zone
  std::uint64_t watermark_boost_factor = 15000;  // of 10000 of the high watermark; 0: none
  std::array<std::uint64_t, kZoneKinds> lowmem_reserve_ratio = {256, 256, 32, 0};
  // Huge pages are enabled for some mappings, which raises min_free_kbytes (khugepaged).
  bool huge_pages = true;
};

struct ZoneSize {
  std::uint32_t node = 0;
  ZoneKind kind = ZoneKind::Normal;
  std::uint64_t managed = 0;  // in the hands of the buddy allocator
};

// vm.min_free_kbytes of a machine: the square root of 16 times its low memory in kB, from 128 to
// 262144; raised, where huge pages are enabled, to 11 pageblocks a zone, but not beyond 5 % of low
// memory.
std::uint64_t min_free_kbytes(std::span<const ZoneSize> zones, const WatermarkSettings& settings);

// Watermarks of each zone, in the order of `zones`, without boost (__setup_per_zone_wmarks).
std::vector<Watermarks> zone_watermarks(std::span<const ZoneSize> zones,
                                        std::uint64_t min_free_kbytes, std::uint64_t scale_factor);

// What each zone keeps from requests that could use a higher one, by the highest kind that the
// request may use (setup_per_zone_lowmem_reserve); in the order of `zones`.
using LowmemReserve = std::array<std::uint64_t, kZoneKinds>;
std::vector<LowmemReserve> lowmem_reserves(std::span<const ZoneSize> zones,
                                           const std::array<std::uint64_t, kZoneKinds>& ratios);

// How many pages a CPU's list takes from or gives to a zone at once (zone_batchsize).
std::uint64_t cpu_list_batch(std::uint64_t managed);

// How many pages a CPU's list may hold.
struct CpuListLimits {
  std::uint64_t batch = 1;
  std::uint64_t high_min = 0;
  std::uint64_t high_max = 0;

  bool operator==(const CpuListLimits&) const = default;
};
// `cpus`: of the zone's node, or of the machine where the node has none (zone_highsize). Since 6.7
// there are two limits; before, both are the lower one. REQUIRES: cpus > 0.
CpuListLimits cpu_list_limits(std::uint64_t managed, std::uint64_t low_watermark,
                              std::uint64_t cpus, bool tuned);

}  // namespace ft::sim::phys
