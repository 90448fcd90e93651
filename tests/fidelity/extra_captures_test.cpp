// Question: does it also hold for starts nobody looked at when the rules were made? The folder
// named by FT_CAPTURES holds further captures:
// NAME.sleep.{stracek.gz,mark,nmtvm,xlog,maps,smaps,tasks}, one JVM each under strace -k with
// -XX:NativeMemoryTracking=detail.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "attribution/owner_history.h"
#include "attribution/score.h"
#include "captures.h"

namespace ft::fidelity {
namespace {

TEST(ExtraCaptures, AgreeWithTheJvm) {
  const char* dir = std::getenv("FT_CAPTURES");
  if (dir == nullptr) GTEST_SKIP() << "FT_CAPTURES names no folder of captures";
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    constexpr std::string_view kEnding = ".sleep.stracek.gz";
    std::string stem = entry.path();
    if (!stem.ends_with(kEnding)) continue;
    stem.resize(stem.size() - kEnding.size());
    auto capture = read_capture(stem);
    ASSERT_TRUE(capture) << capture.error().message();
    ++seen;
    add_exec_snapshot(capture->trace, capture->pid, capture->maps);
    const auto history = attribution::OwnerHistory::build(capture->trace);
    const auto score = attribution::score(history, capture->pid, capture->nmt_ts, capture->nmt,
                                          capture->names, capture->smaps);
    fmt::print(
        "{:20} outside heap {:.6f}  macro {:.6f}  names {:.3f} of {}  unknown mapped {:.6f} "
        "resident {:.6f}\n",
        entry.path().filename().string(), score.agreement_outside_heap(), score.macro_average(),
        score.names_right(), score.names.size(), score.unknown_mapped_share(),
        score.unknown_resident_share());
    std::string why = stem + '\n';
    for (const std::string& line : score.disagreements) why += line + '\n';
    for (const std::string& line : history.contradictions()) why += line + '\n';
    for (const attribution::NameScore& name : score.names) {
      if (!name.right()) why += fmt::format("{}: ours {}\n", name.name, name.ours);
    }
    EXPECT_GE(score.agreement_outside_heap(), 0.995) << why;
    EXPECT_GE(score.macro_average(), 0.995) << why;
    EXPECT_EQ(score.names_right(), 1.0) << why;
    EXPECT_LE(score.unknown_mapped_share(), 0.001) << why;
    EXPECT_LE(score.unknown_resident_share(), 0.005) << why;
    EXPECT_TRUE(history.contradictions().empty()) << why;
  }
  EXPECT_GT(seen, 0U);
}

}  // namespace
}  // namespace ft::fidelity
