#include "host/referenced.h"

#include <gtest/gtest.h>

namespace ft::host {
namespace {

ReferencedScan scan_of_two_areas() {
  ReferencedScan scan;
  scan.interval = 100'000'000;
  scan.read = 2'000'000;
  scan.clear = 300'000;
  scan.evict = 900'000;
  scan.cpus = 2;
  scan.hugetlb = 4 * kMiB;
  scan.areas = {{.range = {0x600000000, 0x610000000},
                 .resident = 4 * kMiB,
                 .referenced = 2 * kMiB,
                 .huge = 2 * kMiB},
                {.range = {0x7f0000000000, 0x7f0000001000},
                 .resident = kPageSize,
                 .referenced = 0,
                 .huge = 0}};
  return scan;
}

TEST(Referenced, TextKeepsAll) {
  const ReferencedScan scan = scan_of_two_areas();
  const auto read = parse_referenced(to_text(scan));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, scan);
}

TEST(Referenced, SkipsFiguresOfLaterVersions) {
  const auto read = parse_referenced("interval_ns 5\nsomething_new 17\n");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->interval, 5);
}

TEST(Referenced, RefusesWhatCannotBe) {
  const auto why = [](std::string_view text) {
    const auto read = parse_referenced(text);
    return read ? std::string() : read.error().message();
  };
  EXPECT_NE(why("1000-2000 8192 0 0\n"), "");  // more than fits
  EXPECT_NE(why("1000-2000 0 4096 0\n"), "");  // referenced, not resident
  EXPECT_NE(why("2000-1000 0 0 0\n"), "");
  EXPECT_NE(why("1000-3000 0 0 0\n2000-4000 0 0 0\n"), "");  // overlap
  EXPECT_NE(why("1000-2000 0 0\n"), "");
  EXPECT_NE(why("1000-2000 0 0 0 0\n"), "");
  EXPECT_NE(why("interval_ns -1\n"), "");
  EXPECT_NE(why("interval_ns 99999999999999999999\n"), "");
  EXPECT_NE(why("word\n"), "");
  EXPECT_TRUE(why("interval_ns 1\n1000-2000 x 0 0\n").starts_with("referenced:2:"));
}

TEST(Referenced, TakesWhatSmapsTells) {
  const auto smaps = parse_smaps(
      "00400000-00402000 rw-p 00000000 00:00 0 \nSize: 8 kB\nRss: 8 kB\nReferenced: 4 kB\n"
      "00500000-00700000 rw-p 00000000 00:00 0 \nSize: 2048 kB\nRss: 2048 kB\n"
      "Referenced: 2048 kB\nAnonHugePages: 2048 kB\n"
      "00800000-00a00000 rw-p 00000000 00:00 0 \nSize: 2048 kB\nRss: 0 kB\n"
      "Private_Hugetlb: 2048 kB\n");
  ASSERT_TRUE(smaps);
  ReferencedScan scan;
  take_areas(*smaps, scan);
  ASSERT_EQ(scan.areas.size(), 2U);
  EXPECT_EQ(scan.areas[0].referenced, kPageSize);
  EXPECT_EQ(scan.areas[0].resident, 2 * kPageSize);
  EXPECT_EQ(scan.areas[1].huge, 2 * kMiB);
  EXPECT_EQ(scan.hugetlb, 2 * kMiB);
}

}  // namespace
}  // namespace ft::host
