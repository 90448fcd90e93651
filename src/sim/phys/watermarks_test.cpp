#include "sim/phys/watermarks.h"

#include <gtest/gtest.h>

namespace ft::sim::phys {
namespace {

// A host of 22 GiB with huge pages for who asks: what its /proc/zoneinfo said.
constexpr ZoneSize kZones[] = {{.node = 0, .kind = ZoneKind::Dma, .managed = 3840},
                               {.node = 0, .kind = ZoneKind::Dma32, .managed = 772917},
                               {.node = 0, .kind = ZoneKind::Normal, .managed = 4882432}};

TEST(Watermarks, AreThoseOfAHost) {
  EXPECT_EQ(min_free_kbytes(kZones, {}), 67584U);
  const auto marks = zone_watermarks(kZones, 67584, 10);
  EXPECT_EQ(marks[0], (Watermarks{.min = 11, .low = 14, .high = 17, .promo = 20}));
  EXPECT_EQ(marks[1], (Watermarks{.min = 2307, .low = 3079, .high = 3851, .promo = 4623}));
  EXPECT_EQ(marks[2], (Watermarks{.min = 14576, .low = 19458, .high = 24340, .promo = 29222}));
  const auto reserves = lowmem_reserves(kZones, WatermarkSettings{}.lowmem_reserve_ratio);
  EXPECT_EQ(reserves[0], (LowmemReserve{0, 3019, 22091, 22091}));
  EXPECT_EQ(reserves[1], (LowmemReserve{0, 0, 19072, 19072}));
  EXPECT_EQ(reserves[2], (LowmemReserve{0, 0, 0, 0}));
  EXPECT_EQ(cpu_list_limits(3840, 14, 2, true),
            (CpuListLimits{.batch = 1, .high_min = 7, .high_max = 240}));
  EXPECT_EQ(cpu_list_limits(772917, 3079, 2, true),
            (CpuListLimits{.batch = 63, .high_min = 1539, .high_max = 48307}));
  EXPECT_EQ(cpu_list_limits(4882432, 19458, 2, true),
            (CpuListLimits{.batch = 63, .high_min = 9729, .high_max = 305152}));
}

// The table above calculate_min_free_kbytes in mm/page_alloc.c.
TEST(Watermarks, GrowWithTheRootOfMemory) {
  const WatermarkSettings plain = {.huge_pages = false};
  const auto of_mib = [&](std::uint64_t mib) {
    const ZoneSize zone = {.managed = mib * 256};
    return min_free_kbytes({&zone, 1}, plain);
  };
  EXPECT_EQ(of_mib(16), 512U);
  EXPECT_EQ(of_mib(32), 724U);
  EXPECT_EQ(of_mib(1024), 4096U);
  EXPECT_EQ(of_mib(8192), 11585U);
  EXPECT_EQ(of_mib(16384), 16384U);
  EXPECT_EQ(of_mib(1), 128U);                // the least
  EXPECT_EQ(of_mib(64ULL << 20U), 262144U);  // the most: 64 TiB
}

TEST(Watermarks, TakeAWrittenValueWhereItIsLarger) {
  EXPECT_EQ(min_free_kbytes(kZones, {.user_min_free_kbytes = 100000, .huge_pages = false}),
            100000U);
  EXPECT_EQ(min_free_kbytes(kZones, {.user_min_free_kbytes = 1000, .huge_pages = false}), 19031U);
}

TEST(Watermarks, AreRaisedForHugePagesByAtMostATwentieth) {
  const ZoneSize zone = {.managed = 65536};  // 256 MiB
  EXPECT_EQ(min_free_kbytes({&zone, 1}, {}), 65536U / 20 * 4);
}

TEST(Watermarks, LeaveMovableZonesLittle) {
  const ZoneSize zones[] = {{.kind = ZoneKind::Normal, .managed = 1 << 20},
                            {.kind = ZoneKind::Movable, .managed = 1 << 20}};
  const auto marks = zone_watermarks(zones, 8192, 10);
  EXPECT_EQ(marks[1].min, 128U);
  EXPECT_EQ(marks[1].low - marks[1].min, 1048U);  // a thousandth, as for others
  EXPECT_EQ(lowmem_reserves(zones, WatermarkSettings{}.lowmem_reserve_ratio)[0],
            (LowmemReserve{0, 0, 0, (1U << 20U) / 32}));
}

TEST(CpuLists, HaveBatchesOfOneLessThanAPowerOfTwo) {
  EXPECT_EQ(cpu_list_batch(1), 1U);
  EXPECT_EQ(cpu_list_batch(16384), 3U);
  EXPECT_EQ(cpu_list_batch(262144), 63U);
  EXPECT_EQ(cpu_list_batch(1ULL << 30U), 63U);
  EXPECT_EQ(cpu_list_limits(4882432, 19458, 2, false).high_max, 9729U);  // before 6.7
}

}  // namespace
}  // namespace ft::sim::phys
