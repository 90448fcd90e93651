#include "sim/cost/estimate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ft::sim::cost {
namespace {

using event::SyscallNumber;
using fault::Kind;
using profile::Cost;

PartWork work_of(std::uint64_t count, std::initializer_list<std::pair<Cost, std::uint64_t>> costs) {
  PartWork work{.count = count, .operations = {}};
  for (const auto& [cost, times] : costs) work.operations.add(cost, times);
  return work;
}

PriceList prices_of(std::initializer_list<std::pair<Cost, double>> costs) {
  PriceList prices;
  for (const auto& [cost, ns] : costs) prices.set(cost, {.ns = ns, .spread = {}});
  return prices;
}

TEST(Estimate, IsCountsTimesCosts) {
  Work work;
  work[PartId::of(Kind::AnonymousPage)] =
      work_of(100, {{Cost::FaultAnon, 100}, {Cost::PageTable, 3}});
  work[PartId::of(SyscallNumber::Munmap)] =
      work_of(2, {{Cost::Munmap, 2}, {Cost::MunmapPage, 50}, {Cost::FlushLocal, 2}});
  const PriceList prices = prices_of({{Cost::FaultAnon, 500},
                                      {Cost::PageTable, 300},
                                      {Cost::Munmap, 1000},
                                      {Cost::MunmapPage, 40},
                                      {Cost::FlushLocal, 100}});
  const Estimate result = estimate(work, prices);
  EXPECT_DOUBLE_EQ(result.fault_ns, 100 * 500 + 3 * 300);
  EXPECT_DOUBLE_EQ(result.call_ns, 2 * 1000 + 50 * 40 + 2 * 100);
  EXPECT_DOUBLE_EQ(result.ns(), result.fault_ns + result.call_ns);
  double sum = 0;
  for (const PartTime& part : result.parts) sum += part.ns;
  EXPECT_DOUBLE_EQ(sum, result.ns());
  EXPECT_TRUE(result.complete());
  EXPECT_EQ(result.operations, 100U + 3 + 2 + 50 + 2);
}

TEST(Estimate, SaysWhatHasNoCost) {
  Work work;
  work[PartId::of(Kind::AnonymousPage)] =
      work_of(90, {{Cost::FaultAnon, 90}, {Cost::PageTable, 9}});
  PartWork locks{.count = 1, .operations = {}};
  locks.operations.nameless = 1;
  work[PartId::of(SyscallNumber::Mlock)] = locks;
  const Estimate result = estimate(work, prices_of({{Cost::FaultAnon, 500}}));
  EXPECT_FALSE(result.complete());
  EXPECT_EQ(result.operations_unpriced, 10U);
  EXPECT_DOUBLE_EQ(result.share_unpriced(), 0.1);
  ASSERT_EQ(result.unpriced.size(), 2U);
  EXPECT_EQ(result.unpriced[0].cost, Cost::PageTable);
  EXPECT_EQ(result.unpriced[0].count, 9U);
  EXPECT_EQ(result.unpriced[1].part, PartId::of(SyscallNumber::Mlock));
  EXPECT_EQ(result.unpriced[1].cost, std::nullopt);
  ASSERT_NE(result.of(PartId::of(Kind::AnonymousPage)), nullptr);
  EXPECT_EQ(result.of(PartId::of(Kind::AnonymousPage))->unpriced, 9U);
  EXPECT_DOUBLE_EQ(result.ns(), 90 * 500);
}

TEST(Estimate, OfNothingIsCompleteAndNothing) {
  const Estimate result = estimate({}, {});
  EXPECT_TRUE(result.complete());
  EXPECT_EQ(result.share_unpriced(), 0);
  EXPECT_EQ(result.ns(), 0);
}

TEST(Estimate, StandsAbsurdCosts) {
  Work work;
  work[PartId::of(Kind::AnonymousPage)] =
      work_of(1, {{Cost::FaultAnon, std::numeric_limits<std::uint64_t>::max()}});
  const Estimate result = estimate(work, prices_of({{Cost::FaultAnon, 1e12}}));
  EXPECT_TRUE(std::isfinite(result.ns()));
  EXPECT_EQ(whole_ns(result.ns()), std::numeric_limits<Nanoseconds>::max());
  EXPECT_EQ(whole_ns(std::numeric_limits<double>::infinity()),
            std::numeric_limits<Nanoseconds>::max());
  EXPECT_EQ(whole_ns(std::nan("")), std::numeric_limits<Nanoseconds>::max());
  EXPECT_EQ(whole_ns(-1), 0);
  EXPECT_EQ(whole_ns(1.6), 2);
}

TEST(Estimate, LeavesOpenWhatSpreadsDo) {
  Work work;
  work[PartId::of(Kind::AnonymousPage)] = work_of(10, {{Cost::FaultAnon, 10}});
  work[PartId::of(Kind::StackGrowth)] = work_of(10, {{Cost::FaultAnon, 10}});
  work[PartId::of(SyscallNumber::Mmap)] = work_of(1, {{Cost::Mmap, 1}});
  work[PartId::of(SyscallNumber::Brk)] = work_of(1, {{Cost::Brk, 1}});
  PriceList prices;
  prices.set(Cost::FaultAnon, {.ns = 100, .spread = 0.3});
  prices.set(Cost::Mmap, {.ns = 4000, .spread = 0.2});
  prices.set(Cost::Brk, {.ns = 7, .spread = {}});
  const Estimate result = estimate(work, prices);
  // Both kinds of fault are off together: 2000 * 0.15 = 300; mmap by chance: 400.
  EXPECT_DOUBLE_EQ(result.uncertainty_ns, 500);
  EXPECT_DOUBLE_EQ(result.ns_without_spread, 7);
}

TEST(Estimate, KeepsStorageApart) {
  Work work;
  PartWork major{.count = 2, .operations = {}};
  major.operations.nameless = 2;
  work[PartId::major()] = major;
  PriceList prices;
  prices.set(PartId::major(), {.ns = 100'000, .spread = {}});
  const Estimate result = estimate(work, prices);
  EXPECT_DOUBLE_EQ(result.storage_ns, 200'000);
  EXPECT_EQ(result.fault_ns, 0);
  EXPECT_DOUBLE_EQ(result.ns(), 200'000);
}

TEST(PriceList, PrefersWhatARecordingWouldShow) {
  profile::MachineCosts costs;
  costs.cost_ns.set(Cost::FaultAnon, 500);
  costs.cost_ns.set(Cost::FaultCow, 900);
  costs.recorded_ns.set(Cost::FaultAnon, 700);
  costs.recorded_spread.set(Cost::FaultAnon, 0.1);
  costs.cost_spread.set(Cost::FaultAnon, 0.9);
  const PriceList prices = PriceList::of_machine(costs);
  ASSERT_TRUE(prices.of(Cost::FaultAnon));
  EXPECT_EQ(prices.of(Cost::FaultAnon)->ns, 700);
  EXPECT_EQ(prices.of(Cost::FaultAnon)->spread, 0.1);
  EXPECT_EQ(prices.of(Cost::FaultAnon)->origin, Origin::MachineRecorded);
  EXPECT_EQ(prices.of(Cost::FaultCow)->origin, Origin::MachineProgram);
  EXPECT_FALSE(prices.of(Cost::Mmap));
  EXPECT_EQ(prices.of(Cost::FaultAnon)->cold(), 700);
}

TEST(PriceList, TakesTheNearestPriceThereIs) {
  profile::MachineCosts costs;
  costs.recorded_ns.set(Cost::Mmap, 2000);
  costs.recorded_ns.set(Cost::FaultCowMapped, 2600);
  PriceList prices = PriceList::of_machine(costs);
  EXPECT_EQ(prices.of(Cost::MmapFile)->ns, 2000);
  EXPECT_EQ(prices.of(Cost::FaultCow)->ns, 2600);
  EXPECT_FALSE(prices.of(Cost::FaultAnon2m));
  prices.complete(prices_of({{Cost::FaultAnon2mOfTwo, 240'000}}));
  prices.take_from_relatives();
  EXPECT_EQ(prices.of(Cost::FaultAnon2m)->ns, 240'000);
}

TEST(Estimate, ColdOperationsTakeMore) {
  profile::MachineCosts costs;
  costs.recorded_ns.set(Cost::FaultAnon, 1800);
  costs.recorded_cold_ns.set(Cost::FaultAnon, 3800);
  costs.recorded_ns.set(Cost::MunmapPage, 50);
  const PriceList prices = PriceList::of_machine(costs);
  Operations one;
  one.add(Cost::FaultAnon);
  one.add(Cost::MunmapPage, 10);
  PartWork part;
  part.add(one, 0);
  part.add(one, 0.25);
  part.add(one, 1);
  Work work;
  work.emplace(PartId::of(Kind::AnonymousPage), part);
  EXPECT_DOUBLE_EQ(estimate(work, prices).ns(), 1800 + 2300 + 3800 + 30 * 50);
}

TEST(Coldness, RisesFromNothingToOne) {
  EXPECT_EQ(coldness_after(-5), 0);
  EXPECT_EQ(coldness_after(0), 0);
  EXPECT_DOUBLE_EQ(coldness_after(3'000), 0.15);
  EXPECT_DOUBLE_EQ(coldness_after(20'000), 0.35);
  EXPECT_EQ(coldness_after(60'000), 1);
  EXPECT_EQ(coldness_after(1'000'000'000'000), 1);
  for (Nanoseconds ns = 0; ns < 70'000; ns += 500) {
    EXPECT_LE(coldness_after(ns), coldness_after(ns + 500));
  }
}

TEST(PriceList, IsCompletedWithoutBeingChanged) {
  PriceList machine = prices_of({{Cost::FaultAnon, 500}});
  PriceList recording = prices_of({{Cost::FaultAnon, 600}, {Cost::Mmap, 2000}});
  recording.set(PartId::of(SyscallNumber::Msync), {.ns = 50, .spread = {}});
  machine.complete(recording);
  EXPECT_EQ(machine.of(Cost::FaultAnon)->ns, 500);
  EXPECT_EQ(machine.of(Cost::Mmap)->ns, 2000);
  EXPECT_EQ(machine.of(PartId::of(SyscallNumber::Msync))->ns, 50);
  EXPECT_FALSE(machine.of(PartId::of(SyscallNumber::Mlock)));
  EXPECT_FALSE(machine.empty());
  EXPECT_TRUE(PriceList{}.empty());
}

}  // namespace
}  // namespace ft::sim::cost
