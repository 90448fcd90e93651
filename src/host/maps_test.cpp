#include "host/maps.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "host/test_files.h"

namespace ft::host {
namespace {

TEST(Maps, ReadsEveryPartOfALine) {
  const auto vmas = parse_maps(
      "600000000-610000000 rw-p 00000000 00:00 0 \n"
      "7f0000000000-7f0000001000 r-xs 00002000 fe:01 247498                     /usr/lib/a b.so\n"
      "100000000000-100010000000 rw-s 00000000 00:01 34        /memfd:java_heap (deleted)\n"
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
  ASSERT_TRUE(vmas) << vmas.error().message();
  ASSERT_EQ(vmas->size(), 4U);
  const Vma& heap = (*vmas)[0];
  EXPECT_EQ(heap.range, (AddressRange{0x600000000, 0x610000000}));
  EXPECT_EQ(permissions(heap), "rw-p");
  EXPECT_EQ(heap.name, "");
  const Vma& library = (*vmas)[1];
  EXPECT_EQ(permissions(library), "r-xs");
  EXPECT_EQ(library.offset, 0x2000U);
  EXPECT_EQ(library.device_major, 0xfeU);
  EXPECT_EQ(library.device_minor, 1U);
  EXPECT_EQ(library.inode, 247498U);
  EXPECT_EQ(library.name, "/usr/lib/a b.so");
  EXPECT_TRUE(library.is_file());
  const Vma& memfd = (*vmas)[2];
  EXPECT_TRUE(memfd.is_deleted());
  EXPECT_EQ(memfd.path(), "/memfd:java_heap");
  EXPECT_EQ((*vmas)[3].range.end, 0xffffffffff601000U);
}

TEST(Maps, EmptyTextIsAProcessWithoutMemory) {
  const auto vmas = parse_maps("");
  ASSERT_TRUE(vmas);
  EXPECT_TRUE(vmas->empty());
}

TEST(Maps, ErrorsSayWhere) {
  struct Case {
    std::string_view text;
    std::string_view where;
  };
  constexpr std::string_view kGood = "1000-2000 r--p 00000000 00:00 0\n";
  for (const Case& c :
       {Case{"x", "maps:1:1"}, Case{"1000", "maps:1:5"}, Case{"1000-", "maps:1:6"},
        Case{"2000-1000 r--p 0 0:0 0", "maps:1:1"}, Case{"1000-1000 r--p 0 0:0 0", "maps:1:1"},
        Case{"1000-2000 r-?p 0 0:0 0", "maps:1:13"}, Case{"1000-2000 r--p zz 0:0 0", "maps:1:16"},
        Case{"1000-2000 r--p 0 00 0", "maps:1:20"}, Case{"1000-2000 r--p 0 0:0 -1", "maps:1:22"},
        Case{"1000-2000 r--p 0 0:0 12x", "maps:1:24"},
        Case{"11112222333344445-11112222333344446 r--p 0 0:0 0", "maps:1:1"},
        Case{"\n", "maps:1:1"}}) {
    const auto vmas = parse_maps(c.text);
    ASSERT_FALSE(vmas) << c.text;
    EXPECT_EQ(vmas.error().what, c.where) << c.text;
    const auto second = parse_maps(std::string(kGood) + std::string(c.text));
    ASSERT_FALSE(second) << c.text;
    EXPECT_TRUE(second.error().what.starts_with("maps:2:")) << second.error().what;
  }
}

TEST(Maps, ErrorsQuoteLittleAndDisarmIt) {
  const std::string hostile = "\x1b[31m" + std::string(100000, 'x');
  const auto vmas = parse_maps(hostile);
  ASSERT_FALSE(vmas);
  EXPECT_LT(vmas.error().why.size(), 200U);
  EXPECT_EQ(vmas.error().why.find('\x1b'), std::string::npos);
}

// Every area of a process printed again gives the line it was read from.
std::string as_printed(const Vma& vma) {
  return fmt::format("{:08x}-{:08x} {}", vma.range.start, vma.range.end, permissions(vma));
}

void expect_reads_whole(const std::string& text, const std::string& what) {
  const auto vmas = parse_maps(text, what);
  ASSERT_TRUE(vmas) << vmas.error().message();
  std::size_t lines = 0;
  LineReader reader(text, what);
  for (std::string_view line; reader.next(line); ++lines) {
    ASSERT_LT(lines, vmas->size());
    EXPECT_EQ(as_printed((*vmas)[lines]), line.substr(0, line.find(' ') + 5));
    EXPECT_TRUE(line.ends_with((*vmas)[lines].name));
  }
  EXPECT_EQ(lines, vmas->size());
  EXPECT_GT(lines, 0U);
}

TEST(Maps, ReadsThisProcess) {
  const auto text = read_file("/proc/self/maps");
  ASSERT_TRUE(text);
  expect_reads_whole(*text, "/proc/self/maps");
}

TEST(Maps, ReadsTheCapturesOfJvms) {
  const auto paths = captures_ending_in(".sleep.maps");
  if (paths.empty()) GTEST_SKIP() << "no captures beside the checkout";
  for (const auto& path : paths) expect_reads_whole(*read_file(path), path);
}

}  // namespace
}  // namespace ft::host
