// PageBlocks says of each pageblock (512 frames) which zone it belongs to and which migratetype it
// has: the kernel's pageblock bitmap and the zone number in page flags, in two bytes a pageblock.
#pragma once

#include <cstdint>
#include <vector>

#include "base/check.h"
#include "sim/phys/frame.h"
#include "sim/phys/migrate_type.h"

namespace ft::sim::phys {

using ZoneIndex = std::uint16_t;  // of Memory::zones()

class PageBlocks {
 public:
  static constexpr ZoneIndex kNoZone = 0x1fff;

  explicit PageBlocks(std::uint64_t frames)
      : entries_((frames + kPageblockPages - 1) >> kPageblockOrder, encode(kNoZone, kAtStart)) {}

  ZoneIndex zone_of(Pfn pfn) const {
    return static_cast<ZoneIndex>(entries_[pfn >> kPageblockOrder] >> 3U);
  }
  MigrateType type_of(Pfn pfn) const {
    return static_cast<MigrateType>(entries_[pfn >> kPageblockOrder] & 7U);
  }
  void set_zone(Pfn pfn, ZoneIndex zone) {
    FT_CHECK(zone <= kNoZone);
    entries_[pfn >> kPageblockOrder] = encode(zone, type_of(pfn));
  }
  void set_type(Pfn pfn, MigrateType type) {
    entries_[pfn >> kPageblockOrder] = encode(zone_of(pfn), type);
  }
  // The types of all pageblocks of a block of `order` >= kPageblockOrder.
  void set_types(Pfn first, unsigned order, MigrateType type) {
    for (Pfn pfn = first; pfn < first + (Pfn{1} << order); pfn += kPageblockPages) {
      set_type(pfn, type);
    }
  }

  std::uint64_t size() const { return entries_.size(); }
  std::uint64_t bytes() const { return entries_.size() * sizeof(std::uint16_t); }

 private:
  // Memory is handed to the allocator as movable (mm/mm_init.c memmap_init_range).
  static constexpr MigrateType kAtStart = MigrateType::Movable;

  static std::uint16_t encode(ZoneIndex zone, MigrateType type) {
    return static_cast<std::uint16_t>(zone << 3U | index_of(type));
  }

  std::vector<std::uint16_t> entries_;
};

}  // namespace ft::sim::phys
