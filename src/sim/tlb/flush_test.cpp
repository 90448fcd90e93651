#include "sim/tlb/flush.h"

#include <gtest/gtest.h>

namespace ft::sim::tlb {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kHuge = 512 * kPage;

Flush of_pages(std::uint64_t pages) {
  return decide({.span = {kPage, kPage + pages * kPage}}, {}, "munmap");
}

TEST(Flush, NothingPresentNeedsNone) {
  const Flush flush = decide({}, {.running = 3}, "munmap");
  EXPECT_EQ(flush.kind, FlushKind::None);
  EXPECT_EQ(flush.interrupts, 0U);
  EXPECT_EQ(describe(flush), "nothing was present → no flush");
}

TEST(Flush, CeilingIs33Pages) {
  EXPECT_EQ(of_pages(1).pages, 1U);
  EXPECT_EQ(of_pages(33).kind, FlushKind::Ranged);
  EXPECT_EQ(of_pages(33).pages, 33U);
  EXPECT_EQ(of_pages(34).kind, FlushKind::Full);
  EXPECT_EQ(of_pages(34).pages, kAllPages);
}

TEST(Flush, CeilingCountsEntriesOfTheStride) {
  const Flush ranged = decide({.span = {0, 33 * kHuge}, .stride_shift = 21}, {}, "munmap");
  EXPECT_EQ(ranged.kind, FlushKind::Ranged);
  EXPECT_EQ(ranged.pages, 33U);
  EXPECT_EQ(decide({.span = {0, 34 * kHuge}, .stride_shift = 21}, {}, "munmap").kind,
            FlushKind::Full);
  // Only a table was freed: its span is a page, its stride is not.
  const Flush table =
      decide({.span = {0, kPage}, .stride_shift = 21, .tables_freed = true}, {}, "munmap");
  EXPECT_EQ(table.kind, FlushKind::Ranged);
  EXPECT_EQ(table.pages, 0U);
}

TEST(Flush, LazyCpusAreInterruptedForTablesOnly) {
  const OtherCpus others{.running = 1, .lazy = 2};
  EXPECT_EQ(decide({.span = {0, kPage}}, others, "wp").interrupts, 1U);
  EXPECT_EQ(decide({.span = {0, kPage}, .tables_freed = true}, others, "munmap").interrupts, 3U);
}

TEST(Flush, LogCounts) {
  FlushLog log;
  log.add(of_pages(2));
  log.add(of_pages(40));
  log.add(of_pages(3));
  EXPECT_EQ(log.ranged(), 2U);
  EXPECT_EQ(log.full(), 1U);
  log.clear();
  EXPECT_TRUE(log.flushes().empty());
}

}  // namespace
}  // namespace ft::sim::tlb
