#include "host/smaps.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/units.h"
#include "host/test_files.h"

namespace ft::host {
namespace {

constexpr std::string_view kArea = "1000-2000 rw-p 00000000 00:00 0 \n";

TEST(Smaps, ReadsALinux61Area) {
  const auto entries = parse_smaps(read_fixture("smaps-6.1"));
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_GE(entries->size(), 2U);
  const SmapsEntry& first = entries->front();
  EXPECT_EQ(first.vma.name, "/usr/bin/cp");
  EXPECT_EQ(first.counters.size, 16 * kKiB);
  EXPECT_EQ(first.counters.kernel_page_size, 4 * kKiB);
  EXPECT_EQ(first.counters.rss, 16 * kKiB);
  EXPECT_EQ(first.counters.private_clean, 16 * kKiB);
  EXPECT_EQ(first.counters.thp_eligible, 0U);
  EXPECT_TRUE(first.flags.has("rd"));
  EXPECT_TRUE(first.flags.has("sd"));
  EXPECT_FALSE(first.flags.has("wr"));
  EXPECT_FALSE(first.flags.has_unknown());
}

TEST(Smaps, ReadsTransparentHugePages) {
  const auto entries = parse_smaps(read_fixture("smaps-6.12-thp"));
  ASSERT_TRUE(entries) << entries.error().message();
  const SmapsEntry& heap = entries->front();
  EXPECT_EQ(heap.counters.anon_huge_pages, 98304 * kKiB);
  EXPECT_EQ(heap.counters.thp_eligible, 1U);
  EXPECT_EQ(heap.counters.pss_dirty, 98304 * kKiB);
  EXPECT_TRUE(heap.flags.advised_huge());
  EXPECT_TRUE(heap.flags.accounted());
}

TEST(Smaps, CountsHugetlbAsResident) {
  const auto entries = parse_smaps(read_fixture("smaps-6.12-hugetlb"));
  ASSERT_TRUE(entries) << entries.error().message();
  const SmapsEntry& heap = entries->front();
  EXPECT_EQ(heap.counters.kernel_page_size, 2 * kMiB);
  EXPECT_EQ(heap.counters.rss, 0U);
  EXPECT_EQ(heap.counters.private_hugetlb, 48 * kMiB);
  EXPECT_EQ(heap.counters.resident(), 48 * kMiB);
  EXPECT_TRUE(heap.flags.hugetlb());
  EXPECT_EQ(heap.vma.path(), "/anon_hugepage");
}

TEST(Smaps, SkipsFieldsOfTheFutureAndTakesAnyOrder) {
  const auto entries = parse_smaps(std::string(kArea) +
                                   "Rss:   8 kB\n"
                                   "Quantum:   maybe\n"
                                   "aFutureField: 1\n"
                                   "VmFlags: rd zz wr\n"
                                   "Size:   4 kB\n");
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().counters.rss, 8 * kKiB);
  EXPECT_EQ(entries->front().counters.size, 4 * kKiB);
  EXPECT_TRUE(entries->front().flags.has_unknown());
  EXPECT_TRUE(entries->front().flags.has("wr"));
}

TEST(Smaps, ErrorsSayWhere) {
  struct Case {
    std::string_view field;
    std::string_view where;
  };
  for (const Case& c :
       {Case{"Rss:   x kB", "smaps:2:8"}, Case{"Rss:", "smaps:2:5"},
        Case{"Rss:  -4 kB", "smaps:2:7"}, Case{"Rss: 4 MB", "smaps:2:8"},
        Case{"Rss: 4 kBs", "smaps:2:10"}, Case{"Rss: 18014398509481984 kB", "smaps:2:24"},
        Case{"Rss: 99999999999999999999 kB", "smaps:2:6"}, Case{"no colon", "smaps:2:1"},
        Case{"VmFlags: rd wrx", "smaps:2:13"}}) {
    const auto entries = parse_smaps(std::string(kArea) + std::string(c.field));
    ASSERT_FALSE(entries) << c.field;
    EXPECT_EQ(entries.error().what, c.where) << c.field;
  }
  EXPECT_EQ(parse_smaps("Rss: 4 kB\n").error().what, "smaps:1:1");
}

TEST(Smaps, EveryKnownFieldIsKept) {
  // Distinct values: a field read into another's place would show.
  std::string text(kArea);
  const std::vector<std::string_view> keys = {"Size",
                                              "KernelPageSize",
                                              "MMUPageSize",
                                              "Rss",
                                              "Pss",
                                              "Pss_Dirty",
                                              "Pss_Anon",
                                              "Pss_File",
                                              "Pss_Shmem",
                                              "Shared_Clean",
                                              "Shared_Dirty",
                                              "Private_Clean",
                                              "Private_Dirty",
                                              "Referenced",
                                              "Anonymous",
                                              "KSM",
                                              "LazyFree",
                                              "AnonHugePages",
                                              "ShmemPmdMapped",
                                              "FilePmdMapped",
                                              "Shared_Hugetlb",
                                              "Private_Hugetlb",
                                              "Swap",
                                              "SwapPss",
                                              "Locked"};
  for (std::size_t i = 0; i < keys.size(); ++i) text += fmt::format("{}: {} kB\n", keys[i], i + 1);
  text += "THPeligible: 1\nProtectionKey: 5\n";
  const auto entries = parse_smaps(text);
  ASSERT_TRUE(entries);
  const SmapsCounters& c = entries->front().counters;
  const std::vector<std::uint64_t> read = {c.size,
                                           c.kernel_page_size,
                                           c.mmu_page_size,
                                           c.rss,
                                           c.pss,
                                           c.pss_dirty,
                                           c.pss_anon,
                                           c.pss_file,
                                           c.pss_shmem,
                                           c.shared_clean,
                                           c.shared_dirty,
                                           c.private_clean,
                                           c.private_dirty,
                                           c.referenced,
                                           c.anonymous,
                                           c.ksm,
                                           c.lazy_free,
                                           c.anon_huge_pages,
                                           c.shmem_pmd_mapped,
                                           c.file_pmd_mapped,
                                           c.shared_hugetlb,
                                           c.private_hugetlb,
                                           c.swap,
                                           c.swap_pss,
                                           c.locked};
  for (std::size_t i = 0; i < read.size(); ++i) EXPECT_EQ(read[i], (i + 1) * kKiB) << keys[i];
  EXPECT_EQ(c.thp_eligible, 1U);
  EXPECT_EQ(c.protection_key, 5U);
}

TEST(Smaps, RollupIsOneArea) {
  const auto counters = parse_smaps_rollup(
      "1000-7fff0000 ---p 00000000 00:00 0                          [rollup]\n"
      "Rss:                1924 kB\nPss_Anon:            112 kB\n");
  ASSERT_TRUE(counters);
  EXPECT_EQ(counters->rss, 1924 * kKiB);
  EXPECT_EQ(counters->pss_anon, 112 * kKiB);
  EXPECT_FALSE(parse_smaps_rollup(""));
  EXPECT_FALSE(parse_smaps_rollup(std::string(kArea) + std::string(kArea)));
}

TEST(Smaps, AgreesWithTheRollupOfThisProcess) {
  // Touched now, so that the two reads below do not differ by what they allocate themselves.
  const auto rollup_text = read_file("/proc/self/smaps_rollup");
  const auto text = read_file("/proc/self/smaps");
  ASSERT_TRUE(text && rollup_text);
  const auto entries = parse_smaps(*text, "/proc/self/smaps");
  const auto rollup = parse_smaps_rollup(*rollup_text);
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_TRUE(rollup) << rollup.error().message();
  std::uint64_t rss = 0;
  for (const SmapsEntry& entry : *entries) {
    rss += entry.counters.rss;
    EXPECT_EQ(entry.counters.size, entry.vma.range.size());
    EXPECT_FALSE(entry.flags.empty()) << entry.vma.name;
  }
  EXPECT_GT(rollup->rss, 0U);
  EXPECT_NEAR(static_cast<double>(rss), static_cast<double>(rollup->rss), 4.0 * kMiB);
}

TEST(Smaps, ReadsTheCapturesOfJvms) {
  auto paths = captures_ending_in(".sleep.smaps");
  for (const std::string_view more : {"/smaps", "/smaps.thp", "/smaps.hugetlb"}) {
    for (const auto& path : captures_ending_in(more)) paths.push_back(path);
  }
  if (paths.empty()) GTEST_SKIP() << "no captures beside the checkout";
  for (const auto& path : paths) {
    const auto entries = parse_smaps(*read_file(path), path.native());
    ASSERT_TRUE(entries) << entries.error().message();
    EXPECT_GT(entries->size(), 10U) << path;
    for (const SmapsEntry& entry : *entries) {
      EXPECT_FALSE(entry.flags.has_unknown()) << path << " " << hex(entry.vma.range.start);
      EXPECT_LE(entry.counters.rss, entry.counters.size);
    }
  }
}

}  // namespace
}  // namespace ft::host
