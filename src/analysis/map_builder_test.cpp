#include "analysis/map_builder.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace ft::analysis {
namespace {

namespace model = report::model;
using attribution::Evidence;
using attribution::OwnedPiece;
using attribution::Owner;
using jvm::Subsystem;

host::Vma area(std::uint64_t start, std::uint64_t end, bool usable = true) {
  host::Vma vma;
  vma.range = {start, end};
  vma.readable = vma.writable = usable;
  return vma;
}

host::Vma view(std::uint64_t start, std::uint64_t size, std::uint64_t offset) {
  host::Vma vma = area(start, start + size);
  vma.shared = true;
  vma.inode = 7;
  vma.offset = offset;
  vma.name = "/memfd:java_heap (deleted)";
  return vma;
}

host::PageRun run(std::uint64_t start, std::uint64_t end) {
  return {.range = {start, end}, .present = true};
}

const std::vector<Owner> kOwners = {Owner{},
                                    {Subsystem::JavaHeap, Evidence::JvmData, ""},
                                    {Subsystem::CHeap, Evidence::LibcData, ""}};

const model::MapSubsystem& row(const model::MemoryMap& map, Subsystem subsystem) {
  for (const model::MapSubsystem& candidate : map.subsystems) {
    if (candidate.name == jvm::name_of(subsystem)) return candidate;
  }
  ADD_FAILURE() << "no row for " << jvm::name_of(subsystem);
  return map.subsystems.front();
}

TEST(MapBuilder, TellsOwnersOfOneAreaApartPageByPage) {
  const std::vector<host::Vma> areas = {area(0x100000, 0x200000), area(0x200000, 0x300000, false)};
  const std::vector<OwnedPiece> pieces = {
      {{0x100000, 0x180000}, 0, 1}, {{0x180000, 0x200000}, 0, 2}, {{0x200000, 0x300000}, 1, 1}};
  std::vector<host::SmapsEntry> counters(2);
  counters[0].counters.rss = 5 * kPageSize;
  counters[0].counters.private_dirty = 5 * kPageSize;
  MapBuilder builder(areas, pieces, kOwners);
  builder.set_walk(MapBuilder::Walk::Scan);
  builder.set_counters(counters);
  builder.on_run(run(0x17e000, 0x183000));  // two pages below the border, three above
  model::MemoryMap map;
  builder.finish(map, RegionsWanted::Yes);
  EXPECT_EQ(row(map, Subsystem::JavaHeap).figures.resident, 2 * kPageSize);
  EXPECT_EQ(row(map, Subsystem::CHeap).figures.resident, 3 * kPageSize);
  EXPECT_EQ(row(map, Subsystem::JavaHeap).figures.reserved, 0x180000U);
  EXPECT_EQ(row(map, Subsystem::JavaHeap).figures.committed, 0x80000U);
  // Shared out by what is resident, to the byte.
  EXPECT_EQ(
      *row(map, Subsystem::JavaHeap).figures.dirty + *row(map, Subsystem::CHeap).figures.dirty,
      5 * kPageSize);
  EXPECT_EQ(map.total.resident, 5 * kPageSize);
  EXPECT_EQ(map.regions.size(), 3U);
}

// What changed between the walk and smaps must not break the sums.
TEST(MapBuilder, TheKernelsFigureOfAnAreaStands) {
  const std::vector<host::Vma> areas = {area(0x100000, 0x200000)};
  const std::vector<OwnedPiece> pieces = {{{0x100000, 0x180000}, 0, 1},
                                          {{0x180000, 0x200000}, 0, 2}};
  std::vector<host::SmapsEntry> counters(1);
  counters[0].counters.rss = 9 * kPageSize;
  MapBuilder builder(areas, pieces, kOwners);
  builder.set_walk(MapBuilder::Walk::Scan);
  builder.set_counters(counters);
  builder.on_run(run(0x17e000, 0x183000));
  model::MemoryMap map;
  builder.finish(map, RegionsWanted::No);
  EXPECT_EQ(map.total.resident, 9 * kPageSize);
  EXPECT_TRUE(map.regions.empty());
}

TEST(MapBuilder, CountsTablesOnce) {
  // Two areas in one block of 2 MiB, a third across the border of the next and of a GiB.
  const std::vector<host::Vma> areas = {area(0x100000, 0x101000), area(0x102000, 0x103000),
                                        area(kGiB - kPageSize, kGiB + kPageSize)};
  const std::vector<OwnedPiece> pieces = {
      {areas[0].range, 0, 1}, {areas[1].range, 1, 2}, {areas[2].range, 2, 1}};
  MapBuilder builder(areas, pieces, kOwners);
  builder.set_walk(MapBuilder::Walk::Scan);
  for (const host::Vma& vma : areas) builder.on_run(run(vma.range.start, vma.range.end));
  model::MemoryMap map;
  builder.finish(map, RegionsWanted::Yes);
  EXPECT_EQ(map.regions[0].figures.tables, 3 * kPageSize);  // pte, pmd, pud
  EXPECT_EQ(map.regions[1].figures.tables, 0U);
  EXPECT_EQ(map.regions[2].figures.tables, 3 * kPageSize);  // two of ptes, one of pmds
}

TEST(MapBuilder, HugePagesOfFilesHaveNoTableOfTheirOwn) {
  const std::vector<host::Vma> areas = {area(kHugePageSize, 2 * kHugePageSize)};
  const std::vector<OwnedPiece> pieces = {{areas[0].range, 0, 1}};
  for (const bool file : {false, true}) {
    MapBuilder builder(areas, pieces, kOwners);
    builder.set_walk(MapBuilder::Walk::Scan);
    host::PageRun huge = run(areas[0].range.start, areas[0].range.end);
    huge.huge = true;
    huge.file = file;
    builder.on_run(huge);
    model::MemoryMap map;
    builder.finish(map, RegionsWanted::No);
    EXPECT_EQ(map.total.tables, (file ? 2 : 3) * kPageSize);
    EXPECT_EQ(map.total.huge, kHugePageSize);
  }
}

// Linux before 6.7 shows a page of 2 MiB as 512 words that look like any others.
TEST(MapBuilder, PagesOfAPoolHaveNoTableOfTheirOwnHoweverTheyAreSeen) {
  const std::vector<host::Vma> areas = {area(kHugePageSize, 3 * kHugePageSize)};
  const std::vector<OwnedPiece> pieces = {{areas[0].range, 0, 1}};
  std::vector<host::SmapsEntry> counters(1);
  counters[0].counters.private_hugetlb = 2 * kHugePageSize;
  for (const bool pool : {false, true}) {
    if (pool) counters[0].flags.add("ht");
    MapBuilder builder(areas, pieces, kOwners);
    builder.set_walk(MapBuilder::Walk::Scan);
    builder.set_counters(counters);
    builder.on_run(run(areas[0].range.start, areas[0].range.end));
    model::MemoryMap map;
    builder.finish(map, RegionsWanted::No);
    EXPECT_EQ(map.total.tables, (pool ? 2 : 4) * kPageSize);
  }
}

TEST(MapBuilder, PagesOfAFileCountOnce) {
  // Three views of one heap: all of it in the first, one page in the second, one page that the
  // first does not show in the third.
  const std::vector<host::Vma> areas = {view(0x10000000, 0x10000, 0), view(0x20000000, 0x10000, 0),
                                        view(0x30000000, 0x20000, 0)};
  const std::vector<OwnedPiece> pieces = {
      {areas[0].range, 0, 1}, {areas[1].range, 1, 1}, {areas[2].range, 2, 1}};
  MapBuilder builder(areas, pieces, kOwners);
  builder.set_walk(MapBuilder::Walk::Scan);
  for (const AddressRange range :
       {AddressRange{0x10000000, 0x10010000}, AddressRange{0x20003000, 0x20004000},
        AddressRange{0x3000f000, 0x30011000}}) {
    host::PageRun pages = run(range.start, range.end);
    pages.file = true;
    builder.on_run(pages);
  }
  model::MemoryMap map;
  builder.finish(map, RegionsWanted::Yes);
  EXPECT_EQ(map.total.resident, 0x10000U + 3 * kPageSize);
  EXPECT_EQ(map.total.mapped_again, 2 * kPageSize);
  EXPECT_EQ(map.total.once(), 0x10000U + kPageSize);
  EXPECT_EQ(map.regions[0].figures.mapped_again, 0U);
}

TEST(MapBuilder, ThePageOfZerosIsNotResident) {
  const std::vector<host::Vma> areas = {area(0x100000, 0x200000)};
  const std::vector<OwnedPiece> pieces = {{areas[0].range, 0, 1}};
  MapBuilder builder(areas, pieces, kOwners);
  builder.set_walk(MapBuilder::Walk::Scan);
  host::PageRun zeros = run(0x100000, 0x104000);
  zeros.zero = true;
  builder.on_run(zeros);
  builder.on_run({.range = {0x104000, 0x106000}, .swapped = true});
  model::MemoryMap map;
  builder.finish(map, RegionsWanted::No);
  EXPECT_EQ(map.total.resident, 0U);
  EXPECT_EQ(map.total.swapped, 2 * kPageSize);
  EXPECT_EQ(map.total.tables, 3 * kPageSize);
}

TEST(MapBuilder, RunsOutsideOfEveryAreaAreIgnored) {
  const std::vector<host::Vma> areas = {area(0x100000, 0x200000)};
  const std::vector<OwnedPiece> pieces = {{areas[0].range, 0, 1}};
  MapBuilder builder(areas, pieces, kOwners);
  builder.set_walk(MapBuilder::Walk::Scan);
  builder.on_run(run(0x1000, 0x2000));
  builder.on_run(run(0xff000, 0x101000));
  builder.on_run(run(0x900000, 0x901000));
  model::MemoryMap map;
  builder.finish(map, RegionsWanted::No);
  EXPECT_EQ(map.total.resident, kPageSize);
}

TEST(MapFigures, WhatIsUnknownOfAPartIsUnknownOfTheSum) {
  model::MapFigures whole;
  model::MapFigures known;
  known.resident = 5;
  add_figures(whole, known, true);
  EXPECT_EQ(whole.resident, 5U);
  add_figures(whole, known, false);
  EXPECT_EQ(whole.resident, 10U);
  add_figures(whole, model::MapFigures{}, false);
  EXPECT_EQ(whole.resident, std::nullopt);
}

TEST(MapBuilder, FoliosAndArrivalsGoToTheirOwners) {
  const std::vector<host::Vma> areas = {area(0x100000, 0x200000)};
  const std::vector<OwnedPiece> pieces = {{{0x100000, 0x180000}, 0, 1},
                                          {{0x180000, 0x200000}, 0, 2}};
  MapBuilder builder(areas, pieces, kOwners);
  builder.set_walk(MapBuilder::Walk::Scan);
  builder.on_run(run(0x170000, 0x190000));
  builder.on_folios({0x170000, 0x178000}, 0);
  builder.on_folios({0x178000, 0x188000}, 4);
  builder.on_folios({0x188000, 0x190000}, 0);
  builder.on_arrived(std::vector<AddressRange>{{0x17f000, 0x182000}, {0x18f000, 0x190000}});
  model::MemoryMap map;
  builder.finish(map, RegionsWanted::No);
  const model::MapFigures& heap = row(map, Subsystem::JavaHeap).figures;
  ASSERT_EQ(heap.folios.size(), 2U);
  EXPECT_EQ(heap.folios[0].bytes, 0x8000U);
  EXPECT_EQ(heap.folios[1].size, 0x10000U);
  EXPECT_EQ(heap.folios[1].bytes, 0x8000U);
  EXPECT_EQ(heap.arrived, 0x1000U);
  EXPECT_EQ(row(map, Subsystem::CHeap).figures.arrived, 0x3000U);
  EXPECT_EQ(map.total.folios[0].bytes + map.total.folios[1].bytes, 0x20000U);

  MapBuilder none(areas, pieces, kOwners);
  none.set_walk(MapBuilder::Walk::Scan);
  none.on_folios({0x170000, 0x178000}, 0);
  none.forget_folios();
  none.finish(map, RegionsWanted::No);
  EXPECT_TRUE(map.total.folios.empty());
  EXPECT_FALSE(map.total.arrived);
}

}  // namespace
}  // namespace ft::analysis
