#include "sim/phys/watermarks.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "base/units.h"
#include "sim/phys/migrate_type.h"

namespace ft::sim::phys {

namespace {

constexpr std::uint64_t kPageKiB = kPageSize / kKiB;

// Zones whose pages the kernel may use for itself.
bool is_lowmem(const ZoneSize& zone) {
  return zone.kind != ZoneKind::Movable;
}

std::uint64_t lowmem_pages(std::span<const ZoneSize> zones) {
  std::uint64_t pages = 0;
  for (const ZoneSize& zone : zones) {
    if (is_lowmem(zone)) pages += zone.managed;
  }
  return pages;
}

// lib/math/int_sqrt.c: rounded down.
std::uint64_t integer_root(std::uint64_t value) {
  auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(value)));
  while (root * root > value) --root;
  while ((root + 1) * (root + 1) <= value) ++root;
  return root;
}

// What khugepaged asks for: two pageblocks a zone to keep types apart, and one for each pair of
// types (set_recommended_min_free_kbytes).
std::uint64_t recommended_pages(std::span<const ZoneSize> zones) {
  std::uint64_t populated = 0;
  for (const ZoneSize& zone : zones) {
    if (is_lowmem(zone) && zone.managed != 0) ++populated;
  }
  const std::uint64_t wanted = kPageblockPages * populated * (2 + kPcpTypes * kPcpTypes);
  return std::min(wanted, lowmem_pages(zones) / 20);
}

// value * numerator / 10000 without overflow (mult_frac).
std::uint64_t ten_thousandths(std::uint64_t value, std::uint64_t numerator) {
  return value / 10000 * numerator + value % 10000 * numerator / 10000;
}

}  // namespace

std::uint64_t min_free_kbytes(std::span<const ZoneSize> zones, const WatermarkSettings& settings) {
  const std::uint64_t computed = integer_root(lowmem_pages(zones) * kPageKiB * 16);
  std::uint64_t kbytes = settings.user_min_free_kbytes.value_or(0);
  if (!settings.user_min_free_kbytes || computed > kbytes) {
    kbytes = std::clamp<std::uint64_t>(computed, 128, 262144);
  }
  if (settings.huge_pages) kbytes = std::max(kbytes, recommended_pages(zones) * kPageKiB);
  return kbytes;
}

std::vector<Watermarks> zone_watermarks(std::span<const ZoneSize> zones,
                                        std::uint64_t min_free_kbytes, std::uint64_t scale_factor) {
  constexpr std::uint64_t kSwapClusterMax = 32;
  const std::uint64_t pages_min = min_free_kbytes / kPageKiB;
  const std::uint64_t lowmem = std::max<std::uint64_t>(lowmem_pages(zones), 1);
  std::vector<Watermarks> all;
  all.reserve(zones.size());
  for (const ZoneSize& zone : zones) {
    const std::uint64_t share = pages_min * zone.managed / lowmem;
    Watermarks marks;
    marks.min = is_lowmem(zone)
                    ? share
                    : std::clamp<std::uint64_t>(zone.managed / 1024, kSwapClusterMax, 128);
    const std::uint64_t step = std::max(share / 4, ten_thousandths(zone.managed, scale_factor));
    marks.low = marks.min + step;
    marks.high = marks.low + step;
    marks.promo = marks.high + step;
    all.push_back(marks);
  }
  return all;
}

std::vector<LowmemReserve> lowmem_reserves(std::span<const ZoneSize> zones,
                                           const std::array<std::uint64_t, kZoneKinds>& ratios) {
  std::vector<LowmemReserve> all(zones.size(), LowmemReserve{});
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const unsigned own = index_of(zones[i].kind);
    if (ratios[own] == 0 || zones[i].managed == 0) continue;
    std::uint64_t above = 0;
    for (unsigned kind = own + 1; kind < kZoneKinds; ++kind) {
      for (const ZoneSize& other : zones) {
        if (other.node == zones[i].node && index_of(other.kind) == kind) above += other.managed;
      }
      all[i][kind] = above / ratios[own];
    }
  }
  return all;
}

std::uint64_t cpu_list_batch(std::uint64_t managed) {
  constexpr std::uint64_t kMostPages = kMiB / kPageSize;
  const std::uint64_t quarter =
      std::max<std::uint64_t>(std::min(managed >> 10U, kMostPages) / 4, 1);
  return std::max<std::uint64_t>(std::bit_floor(quarter + quarter / 2) - 1, 1);
}

CpuListLimits cpu_list_limits(std::uint64_t managed, std::uint64_t low_watermark,
                              std::uint64_t cpus, bool tuned) {
  constexpr std::uint64_t kLeastHighFraction = 8;  // MIN_PERCPU_PAGELIST_HIGH_FRACTION
  FT_CHECK(cpus > 0);
  CpuListLimits limits;
  limits.batch = cpu_list_batch(managed);
  limits.high_min = std::max(low_watermark / cpus, limits.batch * 4);
  limits.high_max =
      tuned ? std::max(managed / kLeastHighFraction / cpus, limits.batch * 4) : limits.high_min;
  return limits;
}

}  // namespace ft::sim::phys
