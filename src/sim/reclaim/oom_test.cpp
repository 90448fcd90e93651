#include "sim/reclaim/oom.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "base/units.h"

namespace ft::sim::reclaim {
namespace {

// mm/oom_kill.c oom_badness: resident + swapped + tables / page size, then adj * (total / 1000).
TEST(OomBadness, AddsWhatDyingWouldFree) {
  const OomCandidate candidate = {
      .pid = 1, .resident_pages = 1000, .swapped_pages = 200, .table_bytes = 5 * kPageSize + 4095};
  EXPECT_EQ(badness(candidate, 1'000'000), 1205);
}

TEST(OomBadness, AdjustmentCountsInThousandthsOfAllMemory) {
  OomCandidate candidate = {.resident_pages = 1000, .score_adj = 300};
  EXPECT_EQ(badness(candidate, 262'144), 1000 + 300 * 262);  // 262144 / 1000 rounds down
  candidate.score_adj = -999;
  EXPECT_EQ(badness(candidate, 262'144), 1000 - 999 * 262);
  EXPECT_EQ(badness(candidate, 999), 1000);
}

TEST(OomBadness, SomeAreNeverKilled) {
  EXPECT_FALSE(badness({.resident_pages = 1, .score_adj = -1000}, 1000));
  EXPECT_FALSE(badness({.resident_pages = 1, .unkillable = true}, 1000));
  EXPECT_FALSE(badness({.resident_pages = 1, .reaped = true}, 1000));
}

// fs/proc/base.c: (1000 + badness * 1000 / total) * 2 / 3.
TEST(OomBadness, ShownScoreGoesFromNothingTo2000) {
  EXPECT_EQ(shown_score({}, 1000), 666U);
  EXPECT_EQ(shown_score({.resident_pages = 500}, 1000), 1000U);
  EXPECT_EQ(shown_score({.resident_pages = 1'000'000, .score_adj = 1000}, 1'000'000), 2000U);
  EXPECT_EQ(shown_score({.score_adj = -999}, 1'000'000), 0U);
  EXPECT_EQ(shown_score({.score_adj = -1000}, 1'000'000), 0U);
}

TEST(OomChoice, TakesTheLargestAndTheLastOfEquals) {
  const std::vector<OomCandidate> candidates = {{.pid = 10, .resident_pages = 50},
                                                {.pid = 11, .resident_pages = 70},
                                                {.pid = 12, .resident_pages = 70},
                                                {.pid = 13, .resident_pages = 60}};
  const OomChoice choice = choose_victim(candidates, 1000);
  EXPECT_EQ(choice.verdict, OomVerdict::Kill);
  EXPECT_EQ(candidates[choice.victim].pid, 12);
  EXPECT_EQ(choice.points, 70);
}

TEST(OomChoice, WaitsForAVictimThatIsDying) {
  std::vector<OomCandidate> candidates = {{.pid = 10, .resident_pages = 50},
                                          {.pid = 11, .resident_pages = 70, .dying = true}};
  EXPECT_EQ(choose_victim(candidates, 1000).verdict, OomVerdict::Wait);
  candidates[1].reaped = true;
  const OomChoice choice = choose_victim(candidates, 1000);
  EXPECT_EQ(choice.verdict, OomVerdict::Kill);
  EXPECT_EQ(choice.victim, 0U);
}

TEST(OomChoice, NobodyWhereNobodyMayBeKilled) {
  const std::vector<OomCandidate> candidates = {{.resident_pages = 5, .score_adj = kNeverKill},
                                                {.resident_pages = 9, .unkillable = true}};
  EXPECT_EQ(choose_victim(candidates, 1000).verdict, OomVerdict::Nobody);
  EXPECT_EQ(choose_victim({}, 1000).verdict, OomVerdict::Nobody);
}

RC_GTEST_PROP(OomChoiceProperty, NobodyIsWorseThanTheVictim, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(0, 20);
  std::vector<OomCandidate> candidates(size);
  for (OomCandidate& candidate : candidates) {
    candidate.resident_pages = *rc::gen::inRange<std::uint64_t>(0, 1U << 20U);
    candidate.swapped_pages = *rc::gen::inRange<std::uint64_t>(0, 1U << 20U);
    candidate.score_adj = *rc::gen::inRange(-1000, 1001);
    candidate.unkillable = *rc::gen::inRange(0, 5) == 0;
  }
  const auto total = *rc::gen::inRange<std::uint64_t>(1, 1U << 24U);
  const OomChoice choice = choose_victim(candidates, total);
  for (const OomCandidate& candidate : candidates) {
    const auto points = badness(candidate, total);
    if (!points) continue;
    RC_ASSERT(choice.verdict == OomVerdict::Kill);
    RC_ASSERT(*points <= choice.points);
  }
  if (choice.verdict == OomVerdict::Kill) {
    RC_ASSERT(badness(candidates[choice.victim], total) == choice.points);
  }
}

}  // namespace
}  // namespace ft::sim::reclaim
