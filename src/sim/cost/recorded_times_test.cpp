#include "sim/cost/recorded_times.h"

#include <gtest/gtest.h>

#include "sim/cost/estimate.h"
#include "sim/cost/forecast.h"
#include "sim/cost/least_squares.h"

namespace ft::sim::cost {
namespace {

using event::SyscallNumber;
using fault::Kind;
using profile::Cost;

const PartId kAnon = PartId::of(Kind::AnonymousPage);
const PartId kFile = PartId::of(Kind::FileRead);
const PartId kMunmap = PartId::of(SyscallNumber::Munmap);

Operations ops(std::initializer_list<std::pair<Cost, std::uint64_t>> costs) {
  Operations operations;
  for (const auto& [cost, times] : costs) operations.add(cost, times);
  return operations;
}

double price(const PriceList& prices, Cost cost) {
  return prices.of(cost) ? prices.of(cost)->ns : -1;
}

TEST(LeastSquares, FindsWhatWasPutIn) {
  const std::vector<Equation> equations = {{{{0, 1}}, 100, 10},
                                           {{{0, 1}, {1, 4}}, 180, 5},
                                           {{{0, 1}, {1, 15}}, 400, 1},
                                           {{{2, 3}}, 3'000'000, 1}};
  const std::vector<double> x = solve_relative(equations, 4);
  EXPECT_NEAR(x[0], 100, 0.1);
  EXPECT_NEAR(x[1], 20, 0.1);
  EXPECT_NEAR(x[2], 1'000'000, 1);
  EXPECT_EQ(x[3], 0);  // in no equation
}

TEST(LeastSquares, TakesNothingForLessThanNothing) {
  // More pages took less: the page is priced at nothing, not below.
  const std::vector<double> x =
      solve_relative({{{{0, 1}}, 100, 100}, {{{0, 1}, {1, 10}}, 50, 1}}, 2);
  EXPECT_EQ(x[1], 0);
  EXPECT_GT(x[0], 50);
}

TEST(RecordedTimes, TellWhatOperationsTook) {
  RecordedTimes times;
  for (int i = 0; i < 100; ++i) times.add(kAnon, ops({{Cost::FaultAnon, 1}}), 1000);
  for (int i = 0; i < 10; ++i) {
    times.add(kAnon, ops({{Cost::FaultAnon, 1}, {Cost::PageTable, 1}}), 1400);
    times.add(kFile, ops({{Cost::FaultFile, 1}}), 2000);
    times.add(kFile, ops({{Cost::FaultFile, 1}, {Cost::FaultFilePage, 15}}), 3500);
    times.add(kFile, ops({{Cost::FaultFile, 1}, {Cost::FaultFilePage, 5}, {Cost::PageTable, 1}}),
              2900);
  }
  const PriceList prices = times.prices();
  EXPECT_NEAR(price(prices, Cost::FaultAnon), 1000, 1);
  EXPECT_NEAR(price(prices, Cost::PageTable), 400, 1);
  EXPECT_NEAR(price(prices, Cost::FaultFile), 2000, 2);
  EXPECT_NEAR(price(prices, Cost::FaultFilePage), 100, 1);
  EXPECT_FALSE(prices.of(Cost::Mmap));
  EXPECT_EQ(prices.of(Cost::FaultAnon)->origin, Origin::Recording);
  EXPECT_EQ(prices.of(Cost::FaultAnon)->spread, 0);
  EXPECT_FALSE(prices.of(Cost::FaultFilePage)->spread);  // never alone
}

TEST(RecordedTimes, TellWaitsFromWork) {
  RecordedTimes times;
  for (int i = 0; i < 97; ++i) times.add(kAnon, ops({{Cost::FaultAnon, 1}}), 1000 + i % 2);
  for (int i = 0; i < 3; ++i) times.add(kAnon, ops({{Cost::FaultAnon, 1}}), 4'000'000);
  const RecordedSums sums = times.sums();
  const RecordedPart& part = sums.parts.at(kAnon);
  EXPECT_EQ(part.count, 100U);
  EXPECT_EQ(part.waited, 3U);
  EXPECT_NEAR(static_cast<double>(part.wait_ns), 3 * (4'000'000 - 1000), 10);
  EXPECT_NEAR(price(times.prices(), Cost::FaultAnon), 1000.5, 1);
}

TEST(RecordedTimes, JudgesTheRareByItsLike) {
  RecordedTimes times;
  for (int i = 0; i < 50; ++i) times.add(kMunmap, ops({{Cost::Munmap, 1}}), 2000);
  for (int pages : {10, 20, 30, 40, 50}) {
    times.add(kMunmap, ops({{Cost::Munmap, 1}, {Cost::MunmapPage, std::uint64_t(pages)}}),
              2000 + 100 * pages);
  }
  times.add(kMunmap, ops({{Cost::Munmap, 1}, {Cost::MunmapPage, 25}}), 9'000'000);  // was put off
  const RecordedSums sums = times.sums();
  EXPECT_EQ(sums.parts.at(kMunmap).waited, 1U);
  EXPECT_NEAR(static_cast<double>(sums.wait_ns), 9'000'000 - 4500, 700);
  EXPECT_NEAR(price(times.prices(), Cost::MunmapPage), 100, 15);
}

TEST(RecordedTimes, SumsAddUpToWhatWasTold) {
  RecordedTimes times;
  Nanoseconds told = 0;
  std::uint64_t seed = 7;
  const auto random = [&](std::uint64_t below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33U) % below;
  };
  for (int i = 0; i < 3000; ++i) {
    const auto ns = static_cast<Nanoseconds>(random(100) == 0 ? random(50'000'000) : random(5000));
    told += ns;
    switch (random(4)) {
      case 0:
        times.add(kAnon, ops({{Cost::FaultAnon, 1}, {Cost::PageTable, random(3)}}), ns);
        break;
      case 1:
        times.add(kMunmap, ops({{Cost::Munmap, 1}, {Cost::MunmapPage, random(600)}}), ns);
        break;
      case 2: {
        Operations waits;
        waits.nameless = 1;
        times.add(PartId::major(), waits, ns);
        break;
      }
      default:
        times.add(kFile, ops({{Cost::FaultFile, 1}, {Cost::FaultFilePage, random(16)}}), ns);
    }
  }
  const RecordedSums sums = times.sums();
  EXPECT_EQ(sums.total_ns(), told);
  Nanoseconds by_part = 0;
  Nanoseconds waits = 0;
  for (const auto& [part, recorded] : sums.parts) {
    by_part += recorded.ns;
    waits += recorded.wait_ns;
  }
  EXPECT_EQ(by_part, told);
  EXPECT_EQ(waits, sums.wait_ns);
}

TEST(RecordedTimes, KeepsFlushesWhole) {
  RecordedTimes times;
  for (int i = 0; i < 10; ++i) {
    times.add(kMunmap, ops({{Cost::Munmap, 1}}), 2000);
    times.add(kMunmap, ops({{Cost::Munmap, 1}, {Cost::FlushLocal, 1}, {Cost::FlushLocalPage, 4}}),
              3000);
  }
  const PriceList prices = times.prices();
  EXPECT_NEAR(price(prices, Cost::Munmap), 2000, 1);
  EXPECT_NEAR(price(prices, Cost::FlushLocal), 1000, 1);
  EXPECT_EQ(price(prices, Cost::FlushLocalPage), 0);
  EXPECT_EQ(price(prices, Cost::FlushRemote), -1);  // there was none
}

Recorded recorded_faults(int count, Nanoseconds each) {
  Recorded recorded;
  Nanoseconds total = 0;
  for (int i = 0; i < count; ++i) {
    const Nanoseconds ns = i == 0 ? 100 * each : each;
    recorded.times.add(kAnon, ops({{Cost::FaultAnon, 1}}), ns);
    total += ns;
  }
  recorded.work[kAnon] = {.count = static_cast<std::uint64_t>(count),
                          .operations = ops({{Cost::FaultAnon, std::uint64_t(count)}})};
  recorded.total_ns = total + 777;
  return recorded;
}

Work twice(Work work) {
  for (auto& [part, done] : work) {
    done.count *= 2;
    done.operations.add(Operations{done.operations});
  }
  return work;
}

TEST(Forecast, KeepsErrorAndChangeApart) {
  const Recorded recorded = recorded_faults(100, 1000);
  profile::MachineCosts machine;
  machine.recorded_ns.set(Cost::FaultAnon, 1200);
  const Basis basis(recorded, machine);
  const Forecast unchanged = forecast_unchanged(basis);
  EXPECT_DOUBLE_EQ(unchanged.work.ns(), 120'000);
  EXPECT_EQ(basis.outside_ns(), 777);
  EXPECT_EQ(basis.recorded()->wait_ns, 99'000);
  EXPECT_EQ(unchanged.total_ns(), 120'000 + 777);  // usual interruptions are in the costs
  EXPECT_DOUBLE_EQ(forecast(basis, twice(recorded.work)).work.ns(), 240'000);
}

TEST(Forecast, TakesTheRecordingsCostsAndWaitsWithoutAMachine) {
  const Recorded recorded = recorded_faults(100, 1000);
  const Basis basis(recorded, {});
  const Forecast unchanged = forecast_unchanged(basis);
  EXPECT_NEAR(unchanged.work.ns(), 100'000, 1);
  EXPECT_NEAR(unchanged.work.ns_by[static_cast<std::size_t>(Origin::Recording)], 100'000, 1);
  ASSERT_TRUE(unchanged.wait_ns);
  EXPECT_NEAR(*unchanged.wait_ns, 99'000, 1);
  const Forecast predicted = forecast(basis, twice(recorded.work));
  EXPECT_NEAR(*predicted.wait_ns, 198'000, 2);  // twice the work, twice the waits
}

TEST(Forecast, KnowsNothingFromARecordingWithoutTimes) {
  Recorded recorded = recorded_faults(100, 1000);
  recorded.total_ns = std::nullopt;
  const Basis basis(recorded, {});
  EXPECT_TRUE(basis.prices().empty());
  EXPECT_FALSE(basis.recorded());
  const Forecast unchanged = forecast_unchanged(basis);
  EXPECT_FALSE(unchanged.work.complete());
  EXPECT_FALSE(unchanged.wait_ns);
}

}  // namespace
}  // namespace ft::sim::cost
