#include "analysis/touch_cells.h"

#include <gtest/gtest.h>

#include <numeric>

#include "analysis/time_counter.h"

namespace ft::analysis {
namespace {

using report::model::TouchCell;

constexpr std::uint64_t kAt = 0x600000000;

TouchCell fault_at(Nanoseconds ts, std::uint64_t page, Nanoseconds ns = 10) {
  TouchCell cell;
  cell.ts = ts;
  cell.total_ns = cell.max_ns = ns;
  cell.start = kAt + page * kPageSize;
  cell.pages = 1;
  cell.faults = 1;
  return cell;
}

struct Sums {
  std::uint64_t faults = 0;
  std::uint64_t pages = 0;
  Nanoseconds ns = 0;
  Nanoseconds longest = 0;
};

Sums sums_of(const std::vector<TouchCell>& cells) {
  Sums sums;
  for (const TouchCell& cell : cells) {
    sums.faults += cell.faults;
    sums.pages += cell.pages;
    sums.ns += cell.total_ns;
    sums.longest = std::max(sums.longest, cell.max_ns);
  }
  return sums;
}

TEST(TouchCells, FewFaultsStayThemselves) {
  TouchCells cells(1'000'000);
  cells.add(fault_at(20, 7, 300));
  cells.add(fault_at(10, 7, 200));
  const auto kept = cells.finish({});
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].ts, 10);
  EXPECT_EQ(kept[0].max_ns, 200);
  EXPECT_EQ(kept[1].start, kAt + 7 * kPageSize);
  EXPECT_EQ(cells.cell_ns(), 0);
}

TEST(TouchCells, ManyFaultsBecomeCellsAndNothingIsLost) {
  constexpr std::uint64_t kFaults = 50'000;
  TouchCells cells(kFaults * 10, 1000);
  for (std::uint64_t i = 0; i < kFaults; ++i) {
    cells.add(fault_at(static_cast<Nanoseconds>(i * 10), i, static_cast<Nanoseconds>(i % 7 + 1)));
  }
  const auto kept = cells.finish({});
  EXPECT_LE(kept.size(), 1000U);
  EXPECT_GT(kept.size(), 100U) << "coarser than needed";
  const Sums sums = sums_of(kept);
  EXPECT_EQ(sums.faults, kFaults);
  EXPECT_EQ(sums.pages, kFaults);
  EXPECT_EQ(sums.longest, 7);
  Nanoseconds ns = 0;
  for (std::uint64_t i = 0; i < kFaults; ++i) ns += static_cast<Nanoseconds>(i % 7 + 1);
  EXPECT_EQ(sums.ns, ns);
  EXPECT_GT(cells.cell_order(), 0U);
}

// As many owners and threads as cells: nothing can be joined, and it still ends.
TEST(TouchCells, FaultsWithNothingInCommonDoNotHang) {
  TouchCells cells(1000, 64);
  for (std::uint32_t i = 0; i < 500; ++i) {
    TouchCell cell = fault_at(i, i);
    cell.thread = i;
    cells.add(cell);
  }
  EXPECT_EQ(sums_of(cells.finish({})).faults, 500U);
}

TEST(TouchCells, PagesGoWhereACallTakesThem) {
  TouchCells cells(1'000);
  cells.add(fault_at(10, 0));
  cells.add(fault_at(10, 5));
  cells.add(fault_at(50, 0));  // touched again behind the unmapping
  TouchCell other = fault_at(10, 0);
  other.of_subject = false;
  cells.add(other);
  const std::vector<SpaceChange> changes = {
      {.ts = 30, .range = AddressRange::of_size(kAt, kPageSize), .kind = SpaceChange::Kind::Unmap},
      {.ts = 60,
       .range = AddressRange::of_size(kAt, kPageSize),
       .kind = SpaceChange::Kind::Discard},
  };
  const auto kept = cells.finish(changes);
  ASSERT_EQ(kept.size(), 4U);
  EXPECT_EQ(kept[0].until, 30);
  EXPECT_FALSE(kept[1].until) << "another page";
  EXPECT_FALSE(kept[2].until) << "another process";
  EXPECT_EQ(kept[3].until, 60);
}

TEST(TouchCells, AnExecTakesEverything) {
  TouchCells cells(1'000);
  cells.add(fault_at(10, 0));
  const std::vector<SpaceChange> changes = {{.ts = 40, .kind = SpaceChange::Kind::Reset}};
  EXPECT_EQ(cells.finish(changes).front().until, 40);
}

TEST(TimeCounter, WidensItsBinsAndKeepsEveryCount) {
  TimeCounter counter(1);  // a bad guess
  for (Nanoseconds ts = 0; ts < 100'000; ts += 7) counter.add(ts, ts % 2 == 0 ? 3 : 4);
  const auto counts = counter.counts({"row"});
  std::uint64_t sum = 0;
  for (const auto& entry : counts.entries) {
    EXPECT_LT(entry.bin, TimeCounter::kMostBins);
    EXPECT_TRUE(entry.row == 3 || entry.row == 4);
    sum += entry.count;
  }
  EXPECT_EQ(sum, 100'000U / 7 + 1);
  EXPECT_GE(counts.bin_ns * static_cast<Nanoseconds>(TimeCounter::kMostBins), 100'000);
}

}  // namespace
}  // namespace ft::analysis
