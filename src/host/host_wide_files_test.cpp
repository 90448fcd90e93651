// meminfo, vmstat, buddyinfo, pagetypeinfo, zoneinfo, pressure.
#include <gtest/gtest.h>

#include "base/units.h"
#include "host/buddyinfo.h"
#include "host/number_table.h"
#include "host/pfn_nodes.h"
#include "host/pressure.h"
#include "host/test_files.h"
#include "host/zoneinfo.h"

namespace ft::host {
namespace {

TEST(Meminfo, SizesBecomeBytesCountsStay) {
  const auto table = parse_meminfo(read_fixture("meminfo-6.12"));
  ASSERT_TRUE(table) << table.error().message();
  EXPECT_EQ(table->find("MemTotal"), 2024076 * kKiB);
  EXPECT_EQ(table->find("Active(anon)"), 324 * kKiB);
  EXPECT_EQ(table->find("HugePages_Total"), 0U);
  EXPECT_EQ(table->find("VmallocTotal"), 34359738367 * kKiB);
  EXPECT_EQ(table->find("Nothing"), std::nullopt);
  EXPECT_EQ(table->value_or("Nothing", 7), 7U);
  EXPECT_TRUE(parse_meminfo(read_fixture("meminfo-6.1")));
}

TEST(Meminfo, ErrorsSayWhere) {
  EXPECT_EQ(parse_meminfo("MemTotal: 1 kB\nMemFree 2 kB\n").error().what, "meminfo:2:1");
  EXPECT_EQ(parse_meminfo("MemTotal: kB\n").error().what, "meminfo:1:11");
  EXPECT_FALSE(parse_meminfo(": 1 kB\n"));
}

TEST(Counters, ReadsVmstatAndMemoryStat) {
  const auto vmstat = parse_counters(read_fixture("vmstat-6.12"));
  ASSERT_TRUE(vmstat) << vmstat.error().message();
  EXPECT_TRUE(vmstat->find("pgfault"));
  EXPECT_TRUE(vmstat->find("thp_fault_alloc"));
  const auto stat = parse_counters(read_fixture("memory.stat-6.12"), "memory.stat");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->find("anon"), 364544U);
  EXPECT_EQ(parse_counters("pgfault\n").error().what, "vmstat:1:8");
  EXPECT_EQ(parse_counters("a 1\npgfault 1 2\n").error().what, "vmstat:2:11");
}

TEST(HostWide, ReadsThisHost) {
  const auto meminfo = parse_meminfo(*read_file("/proc/meminfo"));
  ASSERT_TRUE(meminfo) << meminfo.error().message();
  EXPECT_GT(meminfo->value_or("MemTotal", 0), 0U);
  const auto vmstat = parse_counters(*read_file("/proc/vmstat"));
  ASSERT_TRUE(vmstat) << vmstat.error().message();
  EXPECT_GT(vmstat->value_or("pgfault", 0), 0U);
  const auto zoneinfo = read_file("/proc/zoneinfo");
  const auto buddyinfo = read_file("/proc/buddyinfo");
  if (!zoneinfo || !buddyinfo) GTEST_SKIP() << "zoneinfo or buddyinfo is masked here";
  const auto zones = parse_zoneinfo(*zoneinfo);
  const auto blocks = parse_buddyinfo(*buddyinfo);
  ASSERT_TRUE(zones) << zones.error().message();
  ASSERT_TRUE(blocks) << blocks.error().message();
  std::uint64_t managed = 0;
  for (const Zone& zone : *zones) managed += zone.managed;
  // A kernel that initialises its memory lazily manages less than it has.
  EXPECT_GT(managed, 0U);
  EXPECT_LE(managed * kPageSize, meminfo->value_or("MemTotal", 0));
  EXPECT_FALSE(blocks->empty());
}

TEST(Buddyinfo, ReadsZones) {
  const auto zones = parse_buddyinfo(read_fixture("buddyinfo-6.18"));
  ASSERT_TRUE(zones) << zones.error().message();
  ASSERT_EQ(zones->size(), 3U);
  EXPECT_EQ((*zones)[0].zone, "DMA");
  EXPECT_EQ((*zones)[0].blocks_by_order.size(), 11U);
  EXPECT_EQ((*zones)[0].blocks_by_order[10], 3U);
  EXPECT_EQ((*zones)[0].free_pages(), 256U + 512U + 3 * 1024U);
}

TEST(Buddyinfo, ErrorsSayWhere) {
  EXPECT_EQ(parse_buddyinfo("Nodes 0, zone DMA 1").error().what, "buddyinfo:1:1");
  EXPECT_EQ(parse_buddyinfo("Node x, zone DMA 1").error().what, "buddyinfo:1:6");
  EXPECT_EQ(parse_buddyinfo("Node 0, zoo DMA 1").error().what, "buddyinfo:1:9");
  EXPECT_EQ(parse_buddyinfo("Node 0, zone DMA 1 x").error().what, "buddyinfo:1:20");
  EXPECT_FALSE(parse_buddyinfo("Node 0, zone DMA"));
  std::string endless = "Node 0, zone DMA";
  for (int i = 0; i < 1000; ++i) endless += " 1";
  EXPECT_FALSE(parse_buddyinfo(endless));
}

TEST(Pagetypeinfo, ReadsBothTables) {
  const auto info = parse_pagetypeinfo(read_fixture("pagetypeinfo-6.18"));
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->pageblock_order, 9U);
  EXPECT_EQ(info->pages_per_block, 512U);
  ASSERT_FALSE(info->free_blocks.empty());
  EXPECT_EQ(info->free_blocks[0].migratetype, "Unmovable");
  EXPECT_EQ(info->free_blocks[1].blocks_by_order[10], 3U);
  ASSERT_EQ(info->pageblocks.size(), 3U);
  EXPECT_EQ(info->pageblocks[0].blocks.size(), info->migratetypes.size());
  EXPECT_EQ(info->migratetypes[1], "Movable");
}

TEST(Pagetypeinfo, KeepsThatTheKernelStoppedCounting) {
  const auto info =
      parse_pagetypeinfo("Node    0, zone   Normal, type      Movable >100000  2 3\n");
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_TRUE(info->free_blocks[0].lower_bound);
  EXPECT_EQ(info->free_blocks[0].blocks_by_order[0], 100000U);
}

TEST(Zoneinfo, ReadsZones) {
  const auto zones = parse_zoneinfo(read_fixture("zoneinfo-6.18"));
  ASSERT_TRUE(zones) << zones.error().message();
  ASSERT_EQ(zones->size(), 5U);
  const Zone& dma = (*zones)[0];
  EXPECT_EQ(dma.name, "DMA");
  EXPECT_EQ(dma.free, 3840U);
  EXPECT_EQ(dma.min, 29U);
  EXPECT_EQ(dma.low, 36U);
  EXPECT_EQ(dma.high, 43U);
  EXPECT_EQ(dma.promo, 50U);
  EXPECT_EQ(dma.spanned, 4095U);
  EXPECT_EQ(dma.present, 3998U);
  EXPECT_EQ(dma.managed, 3840U);
  EXPECT_EQ(dma.protection, (std::vector<std::uint64_t>{0, 3019, 8523, 8523, 8523}));
  EXPECT_EQ(dma.start_pfn, 1U);
  EXPECT_TRUE(dma.node_stats.find("nr_inactive_anon"));
  EXPECT_EQ(dma.stats.find("nr_free_pages"), 3840U);
  ASSERT_EQ(dma.page_sets.size(), 2U);
  EXPECT_EQ(dma.page_sets[1].cpu, 1U);
  EXPECT_EQ(dma.page_sets[1].high_max, 240U);
  EXPECT_EQ((*zones)[1].page_sets[0].batch, 63U);
  const Zone& movable = (*zones)[3];
  EXPECT_EQ(movable.name, "Movable");
  EXPECT_EQ(movable.managed, 0U);
  EXPECT_FALSE(movable.start_pfn);
}

TEST(Zoneinfo, ErrorsSayWhere) {
  const std::string zone = "Node 0, zone Normal\n";
  EXPECT_EQ(parse_zoneinfo("  pages free 1\n").error().what, "zoneinfo:1:3");
  EXPECT_EQ(parse_zoneinfo(zone + "  pages used 1\n").error().what, "zoneinfo:2:9");
  EXPECT_EQ(parse_zoneinfo(zone + "        min x\n").error().what, "zoneinfo:2:13");
  EXPECT_EQ(parse_zoneinfo(zone + "  protection: (1, x)\n").error().what, "zoneinfo:2:19");
  EXPECT_EQ(parse_zoneinfo(zone + "  protection: (1\n").error().what, "zoneinfo:2:17");
  EXPECT_EQ(parse_zoneinfo(zone + "  pagesets\n   count: 1\n").error().what, "zoneinfo:3:4");
  EXPECT_EQ(parse_zoneinfo(zone + "  pagesets\n   cpu: 4294967296\n").error().what, "zoneinfo:3:8");
}

TEST(Pressure, ReadsBothLines) {
  const auto pressure = parse_pressure(
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=123456\n"
      "full avg10=0.10 avg60=0.00 avg300=0.00 total=99 future=1\nlater x\n");
  ASSERT_TRUE(pressure) << pressure.error().message();
  EXPECT_DOUBLE_EQ(pressure->some->avg10, 1.5);
  EXPECT_EQ(pressure->some->total_us, 123456U);
  EXPECT_EQ(pressure->full->total_us, 99U);
  EXPECT_FALSE(parse_pressure("")->some);
  EXPECT_EQ(parse_pressure("some avg10=x").error().what, "pressure:1:12");
  EXPECT_EQ(parse_pressure("some avg10=nan").error().what, "pressure:1:12");
  EXPECT_EQ(parse_pressure("some avg10").error().what, "pressure:1:6");
}

Zone zone_at(std::uint32_t node, std::uint64_t start, std::uint64_t spanned) {
  Zone zone;
  zone.node = node;
  zone.start_pfn = start;
  zone.spanned = spanned;
  return zone;
}

TEST(PfnNodes, ZonesTellWhereTheyDoNotOverlap) {
  const std::vector<Zone> zones = {zone_at(0, 1, 4095), zone_at(0, 4096, 1000),
                                   zone_at(1, 10000, 500), zone_at(1, 0, 0)};
  const auto nodes = PfnNodes::from_zones(zones);
  ASSERT_TRUE(nodes);
  EXPECT_EQ(nodes->node_of(0), std::nullopt);
  EXPECT_EQ(nodes->node_of(1), 0U);
  EXPECT_EQ(nodes->node_of(5095), 0U);
  EXPECT_EQ(nodes->node_of(5096), std::nullopt);
  EXPECT_EQ(nodes->node_of(10499), 1U);
  EXPECT_EQ(nodes->node_of(~std::uint64_t{0}), std::nullopt);
}

TEST(PfnNodes, OverlappingSpansTellNothing) {
  const std::vector<Zone> interleaved = {zone_at(0, 0, 2000), zone_at(1, 1000, 2000)};
  EXPECT_FALSE(PfnNodes::from_zones(interleaved));
  const std::vector<Zone> wrapping = {zone_at(0, ~std::uint64_t{0}, 2)};
  EXPECT_FALSE(PfnNodes::from_zones(wrapping));
}

TEST(PfnNodes, MemoryBlocksTellThen) {
  const TempRoot root;
  root.write("/proc/zoneinfo",
             "Node 0, zone Normal\n  pages free 1\n spanned 98304\n start_pfn: 0\n"
             "Node 1, zone Normal\n  pages free 1\n spanned 32768\n start_pfn: 32768\n");
  root.write("/sys/devices/system/memory/block_size_bytes", "8000000\n");
  root.make_folder("/sys/devices/system/node/node0/memory0");
  root.make_folder("/sys/devices/system/node/node1/memory1");
  root.make_folder("/sys/devices/system/node/node0/memory2");
  root.make_folder("/sys/devices/system/node/node0/memory99999999999");
  root.make_folder("/sys/devices/system/node/has_cpu");
  const auto nodes = PfnNodes::read(HostFiles(root.path()));
  ASSERT_TRUE(nodes) << nodes.error().message();
  EXPECT_EQ(nodes->node_of(0), 0U);
  EXPECT_EQ(nodes->node_of(32768), 1U);
  EXPECT_EQ(nodes->node_of(65536), 0U);
  EXPECT_EQ(nodes->node_of(98304), std::nullopt);
}

TEST(PfnNodes, SaysWhatIsMissing) {
  const TempRoot root;
  EXPECT_FALSE(PfnNodes::read(HostFiles(root.path())));
  root.write("/sys/devices/system/memory/block_size_bytes", "0\n");
  EXPECT_FALSE(PfnNodes::read(HostFiles(root.path())));
}

}  // namespace
}  // namespace ft::host
