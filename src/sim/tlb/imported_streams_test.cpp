#include "sim/tlb/imported_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/units.h"
#include "sim/tlb/small_tlbs.h"

namespace ft::sim::tlb {
namespace {

struct Read {
  std::vector<Access> accesses;
  std::string error;
};

Read drain(std::unique_ptr<AccessStream> stream) {
  Read all;
  std::vector<Access> some(3);
  while (true) {
    const auto count = stream->next(some);
    if (!count) {
      all.error = count.error().message();
      EXPECT_EQ(*stream->next(some), 0U);  // the stream is at its end
      return all;
    }
    if (*count == 0) return all;
    all.accesses.insert(all.accesses.end(), some.begin(),
                        some.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

Read lackey(std::string text) {
  return drain(read_lackey(read_from(std::move(text)), "trace"));
}
Read perf(std::string text) {
  return drain(read_perf_script(read_from(std::move(text)), "trace"));
}

constexpr AccessKind kLoad = AccessKind::Load;
constexpr AccessKind kStore = AccessKind::Store;
constexpr AccessKind kFetch = AccessKind::Fetch;
using Accesses = std::vector<Access>;

TEST(Lackey, ReadsWhatValgrindWrites) {
  const Read read = lackey(
      "==23249== Lackey, an example Valgrind tool\n"
      "==23249== \n"
      "I  0401ab70,3\n"
      " S 1fff000708,8\n"
      " L 1fff000700,8\n"
      "SB 0401ab70\n"
      "\n"
      " M 0401c7cc,4\r\n"
      "==23249== Exit code:       0");
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.accesses, (Accesses{{0x401ab70, kFetch},
                                     {0x1fff000708, kStore},
                                     {0x1fff000700, kLoad},
                                     {0x401c7cc, kLoad},
                                     {0x401c7cc, kStore}}));
}

TEST(Lackey, AnAccessAcrossAPageBoundaryTouchesBothPages) {
  EXPECT_EQ(lackey(" L 1ffc,8").accesses, (Accesses{{0x1ffc, kLoad}, {0x2000, kLoad}}));
  EXPECT_EQ(lackey(" L 1ff8,8").accesses, (Accesses{{0x1ff8, kLoad}}));
  EXPECT_EQ(lackey(" M 1fff,4096").accesses,
            (Accesses{{0x1fff, kLoad}, {0x2000, kLoad}, {0x1fff, kStore}, {0x2000, kStore}}));
}

TEST(Lackey, ErrorsNameLineAndColumn) {
  const auto error = [](std::string text) {
    const std::string whole = lackey(std::move(text)).error;
    return whole.substr(0, whole.find(" ("));
  };
  EXPECT_EQ(error("I  10,1\nhello\n"), "trace:2:1: expected an access, found 'hello'");
  EXPECT_EQ(error("L 10,1"), "trace:1:1: expected an access, found 'L 10,1'");
  EXPECT_EQ(error(" L xyz,8"), "trace:1:4: expected a hexadecimal address, found 'xyz'");
  EXPECT_EQ(error(" L ,8"), "trace:1:4: expected a hexadecimal address, found ''");
  EXPECT_EQ(error(" L 10"), "trace:1:6: expected a size between 1 and 4096, found ''");
  EXPECT_EQ(error(" L 10,0"), "trace:1:7: expected a size between 1 and 4096, found '0'");
  EXPECT_EQ(error(" L 10,-1"), "trace:1:7: expected a size between 1 and 4096, found '-1'");
  EXPECT_EQ(error(" L 10,4097"), "trace:1:7: expected a size between 1 and 4096, found '4097'");
  EXPECT_EQ(error(" L 10,8 "), "trace:1:7: expected a size between 1 and 4096, found '8 '");
  EXPECT_EQ(error(" L 11111111111111111,8"),
            "trace:1:4: expected a hexadecimal address, found '11111111111111111'");
  EXPECT_EQ(error(" L 4000000000000000,8"),
            "trace:1:4: no processor translates the address 0x4000000000000000");
  EXPECT_EQ(error(" L fffffffffffffffc,8"), "trace:1:21: the access passes the last address");
  EXPECT_EQ(error("\x1b[31m\n"), "trace:1:1: expected an access, found '\\x1b[31m'");
}

TEST(Lackey, ALineWithoutEndIsRefusedWithoutBeingKept) {
  std::uint64_t given = 0;
  const ReadBytes endless = [&given](std::span<char> out) -> Result<std::size_t> {
    std::ranges::fill(out, ' ');
    given += out.size();
    return out.size();
  };
  const Read read = drain(read_lackey(endless, "pipe"));
  EXPECT_EQ(read.error, "pipe:1: the line is longer than 4096 bytes");
  EXPECT_LT(given, 1U << 20U);
  EXPECT_EQ(lackey(std::string(4096, '=')).error, "");
  EXPECT_EQ(lackey("\n" + std::string(5000, '=') + "\n").error,
            "trace:2: the line is longer than 4096 bytes");
}

TEST(Lackey, LinesAcrossPiecesAreWhole) {
  std::string text;
  Accesses expected;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    char line[40];
    std::snprintf(line, sizeof line, " L %08lx,8\n", static_cast<unsigned long>(i * 64));
    text += line;
    expected.push_back({i * 64, kLoad});
  }
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, std::size_t{1} << 20U}) {
    const ReadBytes pieces = [read = read_from(text), piece](std::span<char> out) {
      return read(out.first(std::min(out.size(), piece)));
    };
    EXPECT_EQ(drain(read_lackey(pieces, "trace")).accesses, expected);
  }
}

TEST(PerfScript, ReadsAddressesAloneAndBehindTimeAndEvent) {
  const Read read = perf(
      "# comment\n"
      "    5577bf14d020 \n"
      "\n"
      "15803.476941:     7f6175891110\n"
      "java pool-1 23356 15803.476941: cpu/mem-loads,ldlat=30/P:     7ffc53ba8119\n"
      "java  23356 15803.476987: cpu/mem-stores/P:     7ffc53ba7e30\n"
      "mem-loads:     0\n"
      "page-faults:  ffffffff81753360\r\n");
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.accesses, (Accesses{{0x5577bf14d020, kLoad},
                                     {0x7f6175891110, kLoad},
                                     {0x7ffc53ba8119, kLoad},
                                     {0x7ffc53ba7e30, kStore},
                                     {0xffffffff81753360, kLoad}}));
}

TEST(PerfScript, OtherFieldsAreRefusedWithTheRightOnes) {
  const std::string symbols =
      perf("touchy 23356 15803.47:   1 page-faults:  ffffffff8175336a elf_load+0x28a ([kernel])")
          .error;
  EXPECT_EQ(symbols,
            "trace:1:74: expected a hexadecimal address, found '([kernel])' (print them with perf "
            "script -F addr, or -F time,event,addr)");
  EXPECT_TRUE(
      perf("1\n  touchy 23356")
          .error.starts_with("trace:2:10: expected the time or the event just before the address"));
  EXPECT_TRUE(perf("page-faults:").error.starts_with("trace:1:1: expected a hexadecimal address"));
  EXPECT_TRUE(perf("0100000000000000").error.starts_with("trace:1:1: no processor translates"));
}

TEST(ImportedStreams, AFileThatCannotBeReadIsAnError) {
  Fd folder(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(folder.valid());
  EXPECT_EQ(drain(read_lackey(read_from(std::move(folder), "x.log"), "x.log")).error,
            "x.log: Is a directory");
}

TEST(ImportedStreams, ATraceInAFileGoesThroughATlb) {
  const std::string path = FT_SOURCE_DIR "/tests/fixtures/fuzz/imported_streams/lackey";
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(fd.valid()) << path;
  Tlb tlb = make_tlb(*core_named("zen4"));
  const auto stream = read_lackey(read_from(std::move(fd), path), path);
  const auto summary = run(tlb, *stream, PageSize::Small);
  ASSERT_TRUE(summary) << summary.error().message();
  EXPECT_GT(summary->fetches, 0U);
  EXPECT_EQ(tlb.counts().lookups(), summary->accesses - summary->fetches);
  EXPECT_GT(tlb.counts().l1_hits_total(), tlb.counts().misses());
}

}  // namespace
}  // namespace ft::sim::tlb
