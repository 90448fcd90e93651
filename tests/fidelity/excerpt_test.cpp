// Question: the same as capture_score_test, on two excerpts that come with the sources: the
// reservations and commits of a JVM's start, and what its NMT said of them.
#include <gtest/gtest.h>

#include <limits>

#include "attribution/owner_history.h"
#include "attribution/score.h"
#include "base/fd.h"
#include "captures.h"

namespace ft::fidelity {
namespace {

class Excerpt : public testing::TestWithParam<const char*> {};

TEST_P(Excerpt, AgreesWithTheJvm) {
  const std::string stem = std::string(FT_SOURCE_DIR "/tests/fixtures/nmt/") + GetParam();
  const auto trace = import_capture(stem + ".strace");
  ASSERT_TRUE(trace) << trace.error().message();
  const auto text = read_file(stem + ".nmt");
  ASSERT_TRUE(text);
  const auto nmt = jvm::parse_nmt(*text, stem);
  ASSERT_TRUE(nmt) << nmt.error().message();

  const auto history = attribution::OwnerHistory::build(*trace);
  const auto score = attribution::score(history, trace->syscalls.front().pid,
                                        std::numeric_limits<Nanoseconds>::max() / 2, *nmt);
  EXPECT_GE(score.tags.size(), 7U);
  EXPECT_EQ(score.agreement(), 1.0);
  EXPECT_EQ(score.macro_average(), 1.0);
  EXPECT_EQ(score.committed_agreed, score.nmt_committed);
  for (const std::string& line : score.disagreements) ADD_FAILURE() << line;
  for (const std::string& line : history.contradictions()) ADD_FAILURE() << line;
}

INSTANTIATE_TEST_SUITE_P(Starts, Excerpt, testing::Values("jdk17-g1", "jdk25-serial"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ft::fidelity
