#include "calibrate/noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ft::calibrate {
namespace {

using ::testing::HasSubstr;

std::vector<LoopTimes> loops(const std::vector<double>& dependent,
                             const std::vector<double>& independent) {
  std::vector<LoopTimes> both;
  for (std::size_t i = 0; i < dependent.size(); ++i) both.push_back({dependent[i], independent[i]});
  return both;
}

const std::vector<double> kQuiet = {1000, 1001, 1002, 1000, 1003, 1001, 1000, 1002, 1001, 1000};
const std::vector<LoopTimes> kQuietLoops = loops(kQuiet, kQuiet);

Disturbance after(std::uint64_t steal) {
  return {.steal_ticks = steal, .all_ticks = 1000, .involuntary_switches = 4, .load = 0.5};
}

TEST(Noise, AQuietHostIsQuiet) {
  const NoiseVerdict verdict = judge_noise(kQuietLoops, {}, after(1));
  EXPECT_FALSE(verdict.noisy);
  EXPECT_THAT(verdict.why, HasSubstr("0.1 % of the CPUs' time was stolen"));
  EXPECT_THAT(verdict.why, HasSubstr("4 involuntary switches"));
}

TEST(Noise, StolenTimeIsNoise) {
  EXPECT_TRUE(judge_noise(kQuietLoops, {}, after(50)).noisy);
}

TEST(Noise, ALoopThatDoesNotRepeatIsNoise) {
  const std::vector<double> wide = {1000, 1100, 1200, 1300, 1000, 1100, 1200, 1300, 1000, 1100};
  EXPECT_TRUE(judge_noise(loops(wide, kQuiet), {}, after(0)).noisy);
  std::vector<double> slow_tenth = kQuiet;
  slow_tenth[3] = slow_tenth[7] = 2000;
  EXPECT_TRUE(judge_noise(loops(slow_tenth, kQuiet), {}, after(0)).noisy);
}

TEST(Noise, ASharedCoreSlowsIndependentInstructionsAlone) {
  std::vector<double> shared = kQuiet;
  shared[2] = shared[5] = shared[6] = 1450;
  const NoiseVerdict verdict = judge_noise(loops(kQuiet, shared), {}, after(0));
  EXPECT_TRUE(verdict.noisy);
  EXPECT_THAT(verdict.why, HasSubstr("the core is shared"));
  EXPECT_THAT(judge_noise(kQuietLoops, {}, after(0)).why, ::testing::Not(HasSubstr("shared")));
}

TEST(Noise, WhatWasNotMeasuredIsNotSaid) {
  const NoiseVerdict verdict = judge_noise({}, {}, {});
  EXPECT_FALSE(verdict.noisy);
  EXPECT_THAT(verdict.why, ::testing::Not(HasSubstr("loop")));
  EXPECT_THAT(verdict.why, ::testing::Not(HasSubstr("stolen")));
}

}  // namespace
}  // namespace ft::calibrate
