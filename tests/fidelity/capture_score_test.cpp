// Question: replayed from a log with stacks, does every byte get the owner the JVM itself names?
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "attribution/owner_history.h"
#include "attribution/score.h"
#include "base/interval_map.h"
#include "captures.h"

namespace ft::fidelity {
namespace {

using attribution::OwnerHistory;
using attribution::Region;
using attribution::Score;

class CaptureScore : public testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    if (captures_dir().empty()) GTEST_SKIP() << "no captures beside this checkout";
    const auto [jdk, collector] = GetParam();
    auto capture = read_capture(fmt::format("{}/{}-{}", captures_dir(), jdk, collector));
    ASSERT_TRUE(capture) << capture.error().message();
    capture_ = std::move(*capture);
  }

  Capture capture_;
};

void expect_good(const Score& score) {
  std::string why;
  for (const std::string& line : score.disagreements) why += line + '\n';
  EXPECT_GE(score.agreement_outside_heap(), 0.995) << why;
  EXPECT_GE(score.macro_average(), 0.995) << why;
  for (const attribution::TagScore& tag : score.tags) EXPECT_GT(tag.bytes, 0U) << tag.tag;
}

void print(std::string_view what, const Score& score) {
  fmt::print(
      "{:24} all {:.6f}  outside heap {:.6f}  macro {:.6f}  names {}/{}  unknown mapped "
      "{:.6f} resident {:.6f}  committed {}/{}  not in NMT {}\n",
      what, score.agreement(), score.agreement_outside_heap(), score.macro_average(),
      std::ranges::count_if(score.names, &attribution::NameScore::right), score.names.size(),
      score.unknown_mapped_share(), score.unknown_resident_share(), score.committed_agreed,
      score.nmt_committed, score.not_in_nmt);
}

TEST_P(CaptureScore, AgreesWithTheJvm) {
  add_exec_snapshot(capture_.trace, capture_.pid, capture_.maps);
  const OwnerHistory history = OwnerHistory::build(capture_.trace);
  const Score score = attribution::score(history, capture_.pid, capture_.nmt_ts, capture_.nmt,
                                         capture_.names, capture_.smaps);
  const auto [jdk, collector] = GetParam();
  print(fmt::format("{} {}", jdk, collector), score);
  ASSERT_GE(score.tags.size(), 7U);
  expect_good(score);
  EXPECT_GE(score.names.size(), 5U);
  for (const attribution::NameScore& name : score.names) {
    EXPECT_TRUE(name.right()) << name.name << " at " << std::hex << name.range.start << ": ours "
                              << name.ours;
  }
  EXPECT_LE(score.unknown_mapped_share(), 0.001);
  EXPECT_LE(score.unknown_resident_share(), 0.005);
  // PROT_NONE pages that the JVM counts as committed (safepoint, poison, null class) do in ours.
  EXPECT_EQ(score.committed_agreed, score.nmt_committed);
  // What NMT does not know of its own: a guard page below each stack that glibc made, at most.
  EXPECT_LE(score.not_in_nmt, 64 * kPageSize);
  for (const std::string& contradiction : history.contradictions()) ADD_FAILURE() << contradiction;
}

// What size, alignment and order alone tell, for recordings without stacks.
TEST_P(CaptureScore, NearlyAgreesWithoutStacks) {
  forget_stacks(capture_.trace);
  add_exec_snapshot(capture_.trace, capture_.pid, capture_.maps);
  const OwnerHistory history = OwnerHistory::build(capture_.trace);
  const Score score = attribution::score(history, capture_.pid, capture_.nmt_ts, capture_.nmt,
                                         capture_.names, capture_.smaps);
  const auto [jdk, collector] = GetParam();
  print(fmt::format("{} {} no stacks", jdk, collector), score);
  std::string why;
  for (const std::string& line : score.disagreements) why += line + '\n';
  EXPECT_GE(score.agreement(), 0.998) << why;
  EXPECT_GE(score.agreement_outside_heap(), 0.99) << why;
  EXPECT_LE(score.unknown_mapped_share(), 0.001);
}

// What execve mapped is not in the log: the program, the loader, vdso, vvar and the main stack.
TEST_P(CaptureScore, MapsWhatTheKernelSaysIsMapped) {
  const OwnerHistory history = OwnerHistory::build(capture_.trace);
  IntervalMap<const host::Vma*> kernel;
  for (const host::Vma& vma : capture_.maps) {
    if (vma.name != "[vsyscall]") kernel.assign(vma.range, &vma);
  }
  IntervalMap<char> ours;
  for (const Region* region : history.regions_at(capture_.pid, capture_.nmt_ts)) {
    ours.assign(region->range, 0);
    std::uint64_t common = 0;
    kernel.for_each_in(region->range, [&](AddressRange piece, const host::Vma* vma) {
      common += piece.size();
      const std::uint32_t prot =
          (vma->readable ? 1U : 0U) | (vma->writable ? 2U : 0U) | (vma->executable ? 4U : 0U);
      EXPECT_EQ(region->prot, prot) << std::hex << piece.start << " " << vma->name;
    });
    EXPECT_EQ(common, region->range.size()) << "not mapped: " << std::hex << region->range.start;
  }
  for (const host::Vma& vma : capture_.maps) {
    if (mapped_by_execve(vma) || vma.name == "[vsyscall]") continue;
    std::uint64_t common = 0;
    ours.for_each_in(vma.range, [&](AddressRange piece, char) { common += piece.size(); });
    EXPECT_EQ(common, vma.range.size())
        << "not replayed: " << std::hex << vma.range.start << " " << vma.name;
  }
}

std::string name_of_case(const testing::TestParamInfo<CaptureScore::ParamType>& param) {
  return fmt::format("{}_{}", std::get<0>(param.param), std::get<1>(param.param));
}

INSTANTIATE_TEST_SUITE_P(Collectors, CaptureScore,
                         testing::Combine(testing::Values("jdk17", "jdk25"),
                                          testing::Values("serial", "parallel", "g1", "zgc",
                                                          "shenandoah", "epsilon")),
                         name_of_case);

}  // namespace
}  // namespace ft::fidelity
