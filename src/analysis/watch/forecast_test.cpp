#include "analysis/watch/forecast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/watch/cgroups.h"
#include "analysis/watch/zones.h"
#include "base/units.h"
#include "host/test_files.h"

namespace ft::analysis {

namespace {

using report::model::Nearness;
using report::model::NextStep;
using report::model::Watch;
using report::model::ZoneView;
using ::testing::HasSubstr;
using ::testing::Not;

ZoneView zone(std::uint32_t node, const char* name, std::uint64_t free, std::uint64_t reserve = 0) {
  ZoneView view;
  view.node = node;
  view.name = name;
  view.managed = 8 * kGiB;
  view.free = free;
  view.min = 50 * kMiB;
  view.low = 60 * kMiB;
  view.high = 70 * kMiB;
  view.reserve = reserve;
  return view;
}

NextStep step(const Watch& watch, std::string_view name, const host::MemorySettings& settings = {},
              const std::vector<std::uint32_t>& nodes = {}) {
  for (const NextStep& each : forecast(watch, settings, nodes)) {
    if (each.name == name) return each;
  }
  ADD_FAILURE() << "no step " << name;
  return {};
}

bool has(const Watch& watch, std::string_view name, const host::MemorySettings& settings = {}) {
  for (const NextStep& each : forecast(watch, settings, {})) {
    if (each.name == name) return true;
  }
  return false;
}

TEST(Forecast, KswapdWakesWhenEveryZoneIsAtItsLowWatermark) {
  Watch watch;
  watch.zones = {zone(0, "DMA32", 100 * kMiB, 10 * kMiB), zone(0, "Normal", 1084 * kMiB)};
  const NextStep kswapd = step(watch, "kswapd");
  EXPECT_EQ(kswapd.distance, kGiB + 30 * kMiB);
  EXPECT_EQ(kswapd.nearness, Nearness::Far);
  EXPECT_THAT(kswapd.words, HasSubstr("kswapd wakes after another 1.0 GiB"));
  EXPECT_THAT(kswapd.words, HasSubstr("Node 0 Normal has 1.1 GiB free, low watermark 60.0 MiB"));
  EXPECT_THAT(kswapd.words, HasSubstr("and 10.0 MiB kept from user pages"));
  EXPECT_EQ(step(watch, "direct_reclaim").distance, kGiB + 50 * kMiB);
}

TEST(Forecast, BelowLowItIsAtWorkUntilHigh) {
  Watch watch;
  watch.zones = {zone(0, "Normal", 55 * kMiB)};
  const NextStep kswapd = step(watch, "kswapd");
  EXPECT_EQ(kswapd.nearness, Nearness::Now);
  EXPECT_EQ(kswapd.distance, 0U);
  EXPECT_THAT(kswapd.words, HasSubstr("15.0 MiB from now at least"));
  EXPECT_EQ(step(watch, "direct_reclaim").distance, 5 * kMiB);
  watch.zones = {zone(0, "Normal", 50 * kMiB)};
  EXPECT_THAT(step(watch, "direct_reclaim").words, HasSubstr("and wait, now:"));
}

TEST(Forecast, AZoneWhoseFreeMemoryIsKeptFromUserPagesGivesNothing) {
  Watch watch;
  watch.zones = {zone(0, "DMA", 15 * kMiB, 90 * kMiB), zone(0, "Normal", 61 * kMiB)};
  EXPECT_EQ(step(watch, "kswapd").distance, kMiB);
  EXPECT_EQ(step(watch, "kswapd").nearness, Nearness::Near);
}

TEST(Forecast, OneNodeIsFullBeforeAll) {
  Watch watch;
  watch.zones = {zone(0, "Normal", 160 * kMiB), zone(1, "Normal", 1084 * kMiB)};
  EXPECT_EQ(step(watch, "kswapd").distance, kGiB + 100 * kMiB);
  const NextStep other = step(watch, "other_node");
  EXPECT_EQ(other.distance, 100 * kMiB);
  EXPECT_THAT(other.words, HasSubstr("go to another node"));
  host::MemorySettings settings;
  settings.node_reclaim = 1;
  EXPECT_THAT(step(watch, "other_node", settings).words, HasSubstr("vm.zone_reclaim_mode"));
  // A process bound to one node.
  EXPECT_EQ(step(watch, "kswapd", {}, {0}).distance, 100 * kMiB);
}

TEST(Forecast, SaysWhenAsTheProcessGrows) {
  Watch watch;
  watch.zones = {zone(0, "Normal", 160 * kMiB)};
  watch.process.emplace();
  watch.process->growth_per_second = 10.0 * kMiB;
  EXPECT_THAT(step(watch, "kswapd").words, HasSubstr(", in 10 s as the process grows now"));
  watch.process->growth_per_second = 0.1 * kMiB;
  EXPECT_THAT(step(watch, "kswapd").words, HasSubstr(", in 17 min as the process grows now"));
  watch.process->growth_per_second = 1.0;
  EXPECT_THAT(step(watch, "kswapd").words, Not(HasSubstr("as the process grows")));
  watch.process->growth_per_second = -10.0 * kMiB;
  EXPECT_THAT(step(watch, "kswapd").words, Not(HasSubstr("as the process grows")));
}

TEST(Forecast, SaysWhatCanGoAndWhatCannot) {
  Watch watch;
  watch.zones = {zone(0, "Normal", kGiB)};
  watch.host.page_cache = 300 * kMiB;
  watch.host.swap_total = 0;
  EXPECT_THAT(step(watch, "kswapd").words, HasSubstr("page cache (300.0 MiB); with no swap"));
  watch.host.swap_total = kGiB;
  watch.host.swap_free = kGiB / 2;
  EXPECT_THAT(step(watch, "kswapd").words, HasSubstr("Java heaps too (512.0 MiB of swap free)"));
}

TEST(Forecast, AGroupIsFullThenOutOfMemory) {
  Watch watch;
  watch.cgroups.emplace();
  auto& level = watch.cgroups->levels.emplace_back();
  level.path = "/box";
  level.limit = kGiB;
  level.current = 950 * kMiB;
  level.to_limit = 74 * kMiB;
  level.reclaimable = 26 * kMiB;
  level.to_oom = 100 * kMiB;
  const NextStep oom = step(watch, "cgroup_oom");
  EXPECT_EQ(oom.distance, 100 * kMiB);
  EXPECT_EQ(oom.nearness, Nearness::Near);
  EXPECT_THAT(oom.words, HasSubstr("uses 950.0 MiB of its limit 1.0 GiB: after another 74.0 MiB"));
  EXPECT_THAT(oom.words, HasSubstr("kills about 100.0 MiB from now"));
  level.high = 900 * kMiB;
  EXPECT_EQ(step(watch, "cgroup_high").nearness, Nearness::Now);
  EXPECT_THAT(step(watch, "cgroup_high").words, HasSubstr("is above its memory.high of 900.0 MiB"));
}

TEST(Forecast, AFaultFindsAHugeBlockOrWhatThen) {
  Watch watch;
  watch.zones = {zone(0, "Normal", kGiB)};
  ZoneView& normal = watch.zones[0];
  normal.free_blocks = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2};
  normal.fragmentation.assign(11, -1);
  host::MemorySettings settings;
  EXPECT_FALSE(has(watch, "huge_page"));
  settings.thp_enabled = "madvise";
  EXPECT_THAT(step(watch, "huge_page", settings).words, HasSubstr("at once: 5 are free"));
  normal.free_blocks = {500, 500, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  normal.fragmentation[9] = 0.812;
  settings.thp_defrag = "madvise";
  const NextStep none = step(watch, "huge_page", settings);
  EXPECT_EQ(none.nearness, Nearness::Now);
  EXPECT_THAT(none.words, HasSubstr("0.812 (above 0.500): the kernel would compact"));
  EXPECT_THAT(none.words, HasSubstr("others take small pages"));
  normal.fragmentation[9] = 0.3;
  EXPECT_THAT(step(watch, "huge_page", settings).words, HasSubstr("reclaim rather than compact"));
  settings.thp_enabled = "never";
  EXPECT_THAT(step(watch, "huge_page", settings).words, HasSubstr("switched off"));
}

TEST(Forecast, CommitmentsAndMappingsHaveTheirLimits) {
  Watch watch;
  watch.host.committed = 90;
  watch.host.commit_limit = 100;
  EXPECT_FALSE(has(watch, "commit_limit"));
  host::MemorySettings settings;
  settings.overcommit_memory = 2;
  EXPECT_EQ(step(watch, "commit_limit", settings).distance, 10U);
  watch.process.emplace();
  watch.process->max_map_count = 65530;
  watch.process->map_count = 30'000;
  EXPECT_FALSE(has(watch, "max_map_count"));
  watch.process->map_count = 60'000;
  EXPECT_EQ(step(watch, "max_map_count").nearness, Nearness::Near);
  EXPECT_THAT(step(watch, "max_map_count").words, HasSubstr("another 5,530 mappings"));
}

TEST(Forecast, NearestFirstAndNothingFromNothing) {
  EXPECT_TRUE(forecast({}, {}, {}).empty());
  Watch watch;
  watch.zones = {zone(0, "Normal", kGiB)};
  watch.host.available = kMiB;
  const auto steps = forecast(watch, {}, {});
  ASSERT_GE(steps.size(), 2U);
  EXPECT_EQ(steps.front().name, "host_oom");
}

TEST(FragmentationIndex, IsTheKernelsFormula) {
  // mm/vmstat.c: 1000 - (1000 + 1000 * pages / requested) / blocks.
  const std::vector<std::uint64_t> small = {1000, 500};
  EXPECT_EQ(fragmentation_index(small, 0), -1000);
  EXPECT_EQ(fragmentation_index(small, 1), -1000);
  EXPECT_EQ(fragmentation_index(small, 2), 1000 - (1000 + 2000 * 1000 / 4) / 1500);
  EXPECT_EQ(fragmentation_index(small, 9), 1000 - (1000 + 2000 * 1000 / 512) / 1500);
  EXPECT_EQ(fragmentation_index(std::vector<std::uint64_t>{1}, 9), 1000 - (1000 + 1000 / 512));
  EXPECT_EQ(fragmentation_index({}, 3), 0);
  EXPECT_EQ(fragmentation_index(std::vector<std::uint64_t>{0, 0}, 1), 0);
}

TEST(FragmentationIndex, HostileCountsStayWithinBounds) {
  const std::vector<std::uint64_t> huge(64, UINT64_MAX);
  for (unsigned order = 0; order < 70; ++order) {
    EXPECT_GE(fragmentation_index(huge, order), -1000);
    EXPECT_LE(fragmentation_index(huge, order), 1000);
    EXPECT_GE(unusable_index(huge, order), 0);
    EXPECT_LE(unusable_index(huge, order), 1000);
  }
}

TEST(UnusableIndex, IsTheShareInSmallerBlocks) {
  const std::vector<std::uint64_t> blocks = {4, 2, 1};
  EXPECT_EQ(unusable_index(blocks, 0), 0);
  EXPECT_EQ(unusable_index(blocks, 1), 333);
  EXPECT_EQ(unusable_index(blocks, 2), 666);
  EXPECT_EQ(unusable_index(blocks, 3), 1000);
  EXPECT_EQ(unusable_index({}, 0), 1000);
}

TEST(ZoneViews, TakeWatermarksReservesAndListsOfARealHost) {
  const auto zones = host::parse_zoneinfo(host::read_fixture("zoneinfo-6.18"));
  const auto blocks = host::parse_buddyinfo(host::read_fixture("buddyinfo-6.18"));
  ASSERT_TRUE(zones && blocks);
  const auto views = zone_views(*zones, *blocks);
  ASSERT_FALSE(views.empty());
  const ZoneView& normal = views.back();
  EXPECT_EQ(normal.name, "Normal");
  EXPECT_LT(normal.min, normal.low);
  EXPECT_LT(normal.low, normal.high);
  EXPECT_EQ(normal.reserve, 0U);
  EXPECT_GT(views.front().reserve, 0U);
  EXPECT_EQ(normal.free_blocks.size(), normal.fragmentation.size());
}

host::CgroupLevels limited(unsigned version) {
  host::CgroupLevels groups;
  groups.version = version;
  host::CgroupLevel own;
  own.path = "/a/b";
  own.current = 600;
  host::CgroupLevel above;
  above.path = "/a";
  above.limit = 1000;
  above.current = 800;
  above.events.add("oom_kill", 3);
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, std::uint64_t>>{{"anon", 500},
                                                                    {"inactive_file", 40},
                                                                    {"active_file", 10},
                                                                    {"total_rss", 500},
                                                                    {"total_inactive_file", 40},
                                                                    {"total_active_file", 10}}) {
    above.stat.add(name, value);
  }
  groups.levels = {own, above};
  return groups;
}

TEST(CgroupsView, TheNearestLimitIsOfTheGroupAbove) {
  const host::CgroupLevels groups = limited(2);
  const auto view = cgroups_view({.now = &groups});
  ASSERT_EQ(view.nearest, 1U);
  EXPECT_EQ(view.levels[1].to_limit, 200U);
  EXPECT_EQ(view.levels[1].to_oom, 250U);
  EXPECT_FALSE(view.levels[0].to_oom);
  EXPECT_EQ(tightest_limit(view), 1000U);
}

TEST(CgroupsView, SwapPutsTheEndOffAsFarAsTheGroupMayUseIt) {
  host::CgroupLevels groups = limited(2);
  EXPECT_EQ(cgroups_view({.now = &groups, .swap_free = 10'000}).levels[1].to_oom, 250U + 500U);
  groups.levels[1].swap_limit = 100;
  groups.levels[1].swap_current = 70;
  EXPECT_EQ(cgroups_view({.now = &groups, .swap_free = 10'000}).levels[1].to_oom, 250U + 30U);
  EXPECT_EQ(cgroups_view({.now = &groups, .swap_free = 20}).levels[1].to_oom, 250U + 20U);
}

TEST(CgroupsView, Version1LimitsMemoryAndSwapTogether) {
  host::CgroupLevels groups = limited(1);
  groups.levels[1].swap_limit = 1100;
  groups.levels[1].swap_current = 860;  // 800 of it memory
  EXPECT_EQ(cgroups_view({.now = &groups}).levels[1].swap_current, 60U);
  EXPECT_EQ(cgroups_view({.now = &groups, .swap_free = 10'000}).levels[1].to_oom, 250U + 40U);
}

TEST(CgroupsView, CountsEventsSinceTheStart) {
  const host::CgroupLevels first = limited(2);
  host::CgroupLevels now = limited(2);
  now.levels[1].events = {};
  now.levels[1].events.add("oom_kill", 5);
  const auto view = cgroups_view({.now = &now, .before = &first, .first = &first, .seconds = 2});
  ASSERT_EQ(view.levels[1].events.size(), 1U);
  EXPECT_EQ(view.levels[1].events[0].since_start, 2U);
  EXPECT_EQ(view.levels[1].events[0].per_second, 1.0);
}

TEST(PressureView, TellsTheShareSinceTheLookBefore) {
  host::Pressure before;
  before.some = host::StallShare{.total_us = 1'000'000};
  host::Pressure now;
  now.some = host::StallShare{.avg10 = 2.5, .total_us = 1'500'000};
  const auto view = pressure_view(now, &before, 2.0);
  EXPECT_EQ(view.some->now, 25.0);
  EXPECT_EQ(view.some->avg10, 2.5);
  EXPECT_FALSE(view.full);
  EXPECT_FALSE(pressure_view(now, nullptr, 2.0).some->now);
}

}  // namespace

}  // namespace ft::analysis
