// The parsers of what the JVM prints about itself, on small excerpts of real reports.
#include <gtest/gtest.h>

#include "base/fd.h"
#include "jvm/installation.h"
#include "jvm/line_reader.h"
#include "jvm/nmt.h"
#include "jvm/system_map.h"
#include "jvm/xlog.h"

namespace ft::jvm {
namespace {

std::string fixture(const std::string& name) {
  auto text = read_file(std::string(FT_SOURCE_DIR "/tests/fixtures/nmt/") + name);
  EXPECT_TRUE(text) << name;
  return text.value_or("");
}

const NmtRegion* region_of(const NmtReport& report, std::string_view tag) {
  for (const NmtRegion& region : report.regions) {
    if (region.tag == tag) return &region;
  }
  return nullptr;
}

TEST(Nmt, ReadsTheFormOfSeventeen) {
  const auto report = parse_nmt(fixture("jdk17-g1.txt"));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->pid, 17435);
  EXPECT_EQ(report->total_reserved, 10381262894U);
  ASSERT_FALSE(report->summary.empty());
  EXPECT_EQ(report->summary[0].tag, "Java Heap");
  EXPECT_EQ(report->summary[0].mmap_committed, 276824064U);
  const NmtRegion* heap = region_of(*report, "Java Heap");
  ASSERT_NE(heap, nullptr);
  EXPECT_EQ(heap->range, (AddressRange{0x600000000, 0x800000000}));
  EXPECT_FALSE(heap->whole_committed);
  EXPECT_GE(heap->committed.size(), 2U);
}

TEST(Nmt, ReadsTheFormOfTwentyFive) {
  const auto report = parse_nmt(fixture("jdk25-zgc.txt"));
  ASSERT_TRUE(report) << report.error().message();
  const NmtRegion* poison = region_of(*report, "Internal");
  ASSERT_NE(poison, nullptr);
  EXPECT_TRUE(poison->whole_committed);
  // "reserved and committed", and again as a range inside: counted once.
  const auto merged = report->merged_committed(*poison);
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0], poison->range);
  EXPECT_EQ(report->backing_file_bytes, 268435456U);
}

std::string error_of(std::string_view text) {
  const auto report = parse_nmt(text, "r");
  return report ? "no error" : report.error().message();
}

TEST(Nmt, SaysWhereItIsDamaged) {
  EXPECT_EQ(error_of(""),
            "r:0:1: this is no Native Memory Tracking report: it has neither a total "
            "nor a virtual memory map");
  EXPECT_TRUE(error_of("hello\n").starts_with("r:1:1: this is no Native"));
  EXPECT_EQ(error_of("Total: reserved=5KB, committed=1KB\n"),
            "r:1:1: the report is scaled: make it with scale=B");
  EXPECT_EQ(error_of("Virtual memory map:\n[0x10 - 0x20] reserved 16 fo GC\n"),
            "r:2:27: \"for\" was expected");
  EXPECT_EQ(error_of("Virtual memory map:\n[0x10 - 0x20] reserved 17 for GC\n"),
            "r:2:24: the size does not agree with the range");
  EXPECT_EQ(error_of("Virtual memory map:\n[0x20 - 0x10] reserved 16 for GC\n"),
            "r:2:2: an address range was expected: [0x... - 0x...]");
  EXPECT_EQ(error_of("Virtual memory map:\n[0x10 - 0x20] reserved 16 for GC\n"
                     "  [0x10 - 0x30] committed 32 from\n"),
            "r:3:1: committed bytes outside their region");
  EXPECT_EQ(error_of("Virtual memory map:\n  [0x10 - 0x30] committed 32 from\n"),
            "r:2:1: committed bytes before any region");
  EXPECT_TRUE(error_of("Total: reserved=99999999999999999999, committed=1\n").find("a number") !=
              std::string::npos);
}

TEST(SystemMap, ReadsEachColumn) {
  const auto map = parse_system_map(
      "1:\nMemory mappings:\n"
      "0x000000003f001000-0x000000003fd95000     14237696 rw-p     13361152            0 4K   "
      "com,nothp      CODE,GC                     /a b/classes.jsa\n"
      "0x00007f44ac000000-0x00007f44ac1d5000      1921024 rw-p       876544            0 4K   -  "
      "              -                                     -\n"
      "Number of mappings: 192\n");
  ASSERT_TRUE(map) << map.error().message();
  ASSERT_EQ(map->size(), 2U);
  EXPECT_EQ((*map)[0].rss, 13361152U);
  EXPECT_EQ((*map)[0].notes, (std::vector<std::string>{"com", "nothp"}));
  EXPECT_EQ((*map)[0].info, (std::vector<std::string>{"CODE", "GC"}));
  EXPECT_EQ((*map)[0].file, "/a b/classes.jsa");
  EXPECT_TRUE((*map)[1].info.empty());
  EXPECT_TRUE((*map)[1].file.empty());
}

TEST(SystemMap, SaysWhereItIsDamaged) {
  EXPECT_EQ(parse_system_map("x\n", "s").error().message(),
            "s:1:1: this is no System.map: no heading and no mapping");
  EXPECT_EQ(parse_system_map("0x10-0x20 17 rw-p 0 0 4K - - -\n", "s").error().message(),
            "s:1:11: the size does not agree with the range");
  EXPECT_EQ(parse_system_map("0x10-0x20 16 rw-p z 0 4K - - -\n", "s").error().message(),
            "s:1:19: rss in bytes was expected");
  EXPECT_EQ(parse_system_map("0x10-0x20 16 rw-p 0 0 4K -\n", "s").error().message(),
            "s:1:27: the line ends before the column \"info\"");
}

TEST(Xlog, ReadsNamesOfBothReleases) {
  const auto regions = parse_xlog(
      "[323ms][info ][pagesize ] CodeHeap 'non-nmethods':  min=2496K max=5692K "
      "base=0x00007fbfac938000 page_size=4K size=5692K\n"
      "[590ms][info ][gc,heap  ] nothing of ours base=0xzz\n"
      "[598ms][info ][pagesize     ] Block Offset Table: req_size=16M base=0x00007fbfa4400000 "
      "page_size=4K alignment=4K size=16M\n"
      "[778ms][info ][pagesize     ] Card Table: req_size=16M req_page_size=4K "
      "base=0x00007f4511200000 size=16M page_size=4K\n"
      "[99ms][info ][pagesize]   THP mode: madvise\n"
      "[1530ms][info ][cds          ] Reserved class_space_rs   [0x0000000040000000 - "
      "0x0000000080000000] (1073741824) bytes\n");
  ASSERT_TRUE(regions) << regions.error().message();
  ASSERT_EQ(regions->size(), 4U);
  EXPECT_EQ((*regions)[0].name, "CodeHeap 'non-nmethods'");
  EXPECT_EQ((*regions)[0].range.size(), 5692U * 1024);
  EXPECT_EQ((*regions)[2].range.start, 0x7f4511200000U);
  EXPECT_EQ((*regions)[3].name, "class_space_rs");
  EXPECT_EQ((*regions)[3].source, XlogSource::Cds);
}

TEST(Xlog, SaysWhereItIsDamaged) {
  EXPECT_EQ(parse_xlog("[1ms][pagesize] Card Table: base=0xzz size=4K\n", "x").error().message(),
            "x:1:34: an address was expected after \"base=\"");
  EXPECT_EQ(parse_xlog("[1ms][pagesize] Card Table: base=0x10 size=4Q\n", "x").error().message(),
            "x:1:44: a size was expected after \"size=\"");
  EXPECT_FALSE(parse_xlog("[1ms][pagesize] A: base=0xffffffffffffffff size=4K\n"));
  EXPECT_FALSE(parse_xlog("[1ms][cds] Reserved x [zz]\n"));
}

TEST(Scaled, UnitsAndLimits) {
  EXPECT_EQ(parse_scaled("5692K"), 5692U * 1024);
  EXPECT_EQ(parse_scaled("12B"), 12U);
  EXPECT_EQ(parse_scaled("8G"), 8U * kGiB);
  EXPECT_EQ(parse_scaled("99999999999G"), std::nullopt);
  EXPECT_EQ(parse_scaled("K"), std::nullopt);
  EXPECT_EQ(parse_scaled(""), std::nullopt);
}

TEST(Installation, IsFoundAmongMappedFiles) {
  std::vector<event::File> files(3);
  files[0].path = "/usr/lib/jvm/java-17-openjdk-amd64/bin/java";
  files[1].path = "/usr/lib/x86_64-linux-gnu/libc.so.6";
  files[2].path = "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so";
  const auto found = find_installation(files);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->java_home, "/usr/lib/jvm/java-17-openjdk-amd64");
  EXPECT_EQ(found->launcher, files[0].path);
  EXPECT_EQ(found->feature_release, 17);
  files.pop_back();
  EXPECT_FALSE(find_installation(files));
  EXPECT_EQ(installation_of("/opt/temurin-25-jdk-amd64/lib/server/libjvm.so")->feature_release, 25);
  EXPECT_EQ(installation_of("/opt/jdk-21.0.2+13/lib/server/libjvm.so")->feature_release, 21);
  EXPECT_EQ(installation_of("/opt/mine/lib/server/libjvm.so")->feature_release, 0);
  EXPECT_EQ(installation_of("libjvm.so")->java_home, "");
}

TEST(Installation, ReleaseFile) {
  EXPECT_EQ(feature_release_of("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"25.0.3\"\n"), 25);
  EXPECT_FALSE(feature_release_of("JAVA_VERSION=\"x\"\n"));
  EXPECT_FALSE(feature_release_of(""));
}

}  // namespace
}  // namespace ft::jvm
