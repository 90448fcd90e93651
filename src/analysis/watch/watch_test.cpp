#include "analysis/watch/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/watch/before_after.h"
#include "analysis/watch/cadence.h"
#include "analysis/watch/subsystems.h"
#include "base/units.h"

namespace ft::analysis {

namespace {

using report::model::Watch;

constexpr Nanoseconds kSecond = 1'000'000'000;

host::NumberTable table(std::initializer_list<std::pair<const char*, std::uint64_t>> rows) {
  host::NumberTable numbers;
  for (const auto& [name, value] : rows) numbers.add(name, value);
  return numbers;
}

WatchLook look_at(Nanoseconds at, std::uint64_t faults) {
  WatchLook look;
  look.host.at = at;
  look.host.vmstat = table({{"pgfault", faults}, {"allocstall_dma", 1}, {"allocstall_normal", 2}});
  look.host.meminfo = table(
      {{"MemTotal", kGiB}, {"Cached", 300}, {"Buffers", 50}, {"Shmem", 100}, {"MemFree", faults}});
  return look;
}

host::ProcessMemory process(std::uint64_t resident, std::uint64_t minor, std::uint64_t ticks) {
  host::ProcessMemory memory;
  memory.stat.pid = 77;
  memory.stat.minor_faults = minor;
  memory.stat.user_ticks = ticks;
  memory.status.vm_rss = resident;
  return memory;
}

const report::model::Rate& rate_named(const Watch& watch, std::string_view name) {
  static const report::model::Rate none;
  for (const auto& group : watch.rates) {
    for (const auto& rate : group.rates) {
      if (rate.name == name) return rate;
    }
  }
  ADD_FAILURE() << name;
  return none;
}

TEST(WatchModel, TheFirstRefreshHasNoRates) {
  WatchModel model;
  const Watch first = model.next(look_at(5 * kSecond, 1000));
  EXPECT_EQ(first.sample, 1U);
  EXPECT_FALSE(first.seconds);
  EXPECT_EQ(rate_named(first, "pgfault").total, 1000U);
  EXPECT_FALSE(rate_named(first, "pgfault").per_second);
  EXPECT_FALSE(rate_named(first, "thp_fault_alloc").total);
}

TEST(WatchModel, RatesAreOfTheTimeBetweenTwoLooks) {
  WatchModel model;
  model.next(look_at(5 * kSecond, 1000));
  model.next(look_at(7 * kSecond, 1500));
  const Watch third = model.next(look_at(9 * kSecond, 1500 + 60));
  EXPECT_EQ(third.seconds, 2.0);
  EXPECT_EQ(rate_named(third, "pgfault").per_second, 30.0);
  EXPECT_EQ(rate_named(third, "pgfault").since_start, 560U);
  EXPECT_EQ(rate_named(third, "allocstall").total, 3U);
}

TEST(WatchModel, ACounterThatGoesBackHasNoRate) {
  WatchModel model;
  model.next(look_at(5 * kSecond, 1000));
  const Watch second = model.next(look_at(6 * kSecond, 10));
  EXPECT_FALSE(rate_named(second, "pgfault").per_second);
  EXPECT_FALSE(rate_named(second, "pgfault").since_start);
}

TEST(WatchModel, TwoLooksAtOneMomentHaveNoRate) {
  WatchModel model;
  model.next(look_at(5 * kSecond, 1000));
  EXPECT_FALSE(model.next(look_at(5 * kSecond, 2000)).seconds);
}

TEST(WatchModel, PageCacheLeavesSharedMemoryOut) {
  WatchModel model;
  const Watch watch = model.next(look_at(kSecond, 1));
  EXPECT_EQ(watch.host.page_cache, 250U);
  EXPECT_FALSE(watch.host.swap_total);
}

TEST(WatchModel, AProcessGrowsAndShrinks) {
  WatchModel model;
  WatchLook look = look_at(kSecond, 1);
  look.process = process(10 * kMiB, 100, 0);
  model.next(look);
  look = look_at(3 * kSecond, 1);
  look.process = process(8 * kMiB, 300, 0);
  const Watch watch = model.next(look);
  ASSERT_TRUE(watch.process);
  EXPECT_EQ(watch.process->growth_per_second, -1.0 * kMiB);
  EXPECT_EQ(watch.process->since_start, -2 * static_cast<std::int64_t>(kMiB));
  EXPECT_EQ(watch.process->minor_per_second, 100.0);
  EXPECT_EQ(watch.process->cpu_share, 0.0);
}

TEST(WatchModel, AnEndedProcessKeepsItsLastFiguresWithoutRates) {
  WatchModel model;
  WatchLook look = look_at(kSecond, 1);
  look.process = process(10 * kMiB, 100, 0);
  model.next(look);
  look.host.at = 2 * kSecond;
  look.ended_words = "has ended";
  const Watch watch = model.next(look);
  EXPECT_TRUE(watch.process->ended);
  EXPECT_EQ(watch.process->resident, 10 * kMiB);
  EXPECT_FALSE(watch.process->growth_per_second);
}

Aged<report::model::SubsystemsView> walk(Nanoseconds at, std::uint64_t heap,
                                         std::uint64_t metaspace) {
  report::model::SubsystemsView view;
  view.rows.resize(2);
  view.rows[0].name = "Java heap";
  view.rows[0].resident = heap;
  view.rows[1].name = "Metaspace";
  view.rows[1].resident = metaspace;
  return {.value = view, .at = at};
}

TEST(WatchModel, SubsystemsGrowFromWalkToWalkAndSayHowOldTheyAre) {
  WatchModel model;
  WatchLook look = look_at(10 * kSecond, 1);
  look.process = process(1, 1, 1);
  look.subsystems = walk(10 * kSecond, 100, 50);
  model.next(look);
  look.host.at = 14 * kSecond;
  look.subsystems = walk(14 * kSecond, 500, 50);
  Watch watch = model.next(look);
  EXPECT_EQ(watch.process->subsystems->rows[0].growth_per_second, 100.0);
  // The same walk, shown again.
  look.host.at = 20 * kSecond;
  watch = model.next(look);
  const auto& view = *watch.process->subsystems;
  EXPECT_EQ(view.age, 6 * kSecond);
  EXPECT_EQ(view.sum, 550U);
  EXPECT_EQ(view.rows[0].growth_per_second, 100.0);
  EXPECT_EQ(view.rows[0].since_start, 400);
  EXPECT_EQ(view.rows[1].growth_per_second, 0.0);
}

TEST(SubsystemsOfMap, CountsWhatIsMappedTwiceOnceAndLeavesOutWhatIsNotKnown) {
  report::model::MemoryMap map;
  map.subsystems.push_back({"Java heap", 1, {}});
  map.subsystems.back().figures.resident = 300;
  map.subsystems.back().figures.mapped_again = 200;
  map.subsystems.push_back({"Metaspace", 1, {}});
  const auto view = subsystems_of(map);
  ASSERT_EQ(view.rows.size(), 1U);
  EXPECT_EQ(view.rows[0].resident, 100U);
}

TEST(Cadence, SpacesReadingsByTheirCost) {
  Cadence cadence(0.01);
  EXPECT_TRUE(cadence.due(0));
  cadence.done(kSecond, 5'000'000);
  EXPECT_FALSE(cadence.due(kSecond + 499'000'000));
  EXPECT_TRUE(cadence.due(kSecond + 500'000'000));
  cadence.done(kSecond, 0);
  EXPECT_TRUE(cadence.due(kSecond));
  cadence.done(kSecond, -5);
  EXPECT_TRUE(cadence.due(kSecond));
}

TEST(BeforeAfter, ShowsWhatIsKnownBothTimes) {
  WatchLook before = look_at(kSecond, 100);
  WatchLook after = look_at(2 * kSecond, 40);
  after.host.vmstat.add("oom_kill", 1);
  const auto rows = compare(before, after);
  const auto row = [&](std::string_view name) {
    return std::ranges::find(rows, name, &report::model::BeforeAfterRow::name);
  };
  ASSERT_NE(row("mem_free"), rows.end());
  EXPECT_EQ(row("mem_free")->change, -60);
  EXPECT_EQ(row("allocstall")->change, 0);
  EXPECT_EQ(row("oom_kill"), rows.end());
}

TEST(BeforeAfter, CountsBlocksOf2MiBWholeOrInLargerOnes) {
  WatchLook before = look_at(kSecond, 1);
  WatchLook after = look_at(kSecond, 1);
  before.host.free_blocks = {{0, "Normal", {0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 2}}};
  after.host.free_blocks = {{0, "Normal", {9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}}};
  for (const auto& row : compare(before, after)) {
    if (row.name != "free_2m_blocks_node0_Normal") continue;
    EXPECT_EQ(row.before, 7U);
    EXPECT_EQ(row.after, 1U);
    return;
  }
  FAIL() << "no such row";
}

}  // namespace

}  // namespace ft::analysis
