#include "calibrate/noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ft::calibrate {
namespace {

using ::testing::HasSubstr;

const std::vector<double> kQuiet = {1000, 1001, 1002, 1000, 1003, 1001, 1000, 1002, 1001, 1000};

Disturbance after(std::uint64_t steal) {
  return {.steal_ticks = steal, .all_ticks = 1000, .involuntary_switches = 4, .load = 0.5};
}

TEST(Noise, AQuietHostIsQuiet) {
  const NoiseVerdict verdict = judge_noise(kQuiet, {}, after(1));
  EXPECT_FALSE(verdict.noisy);
  EXPECT_THAT(verdict.why, HasSubstr("0.1 % of the CPUs' time was stolen"));
  EXPECT_THAT(verdict.why, HasSubstr("4 involuntary switches"));
}

TEST(Noise, StolenTimeIsNoise) {
  EXPECT_TRUE(judge_noise(kQuiet, {}, after(50)).noisy);
}

TEST(Noise, ALoopThatDoesNotRepeatIsNoise) {
  EXPECT_TRUE(judge_noise({1000, 1100, 1200, 1300, 1000}, {}, after(0)).noisy);
  std::vector<double> slow_tenth = kQuiet;
  slow_tenth.insert(slow_tenth.end(), {2000, 2000});
  EXPECT_TRUE(judge_noise(slow_tenth, {}, after(0)).noisy);
}

TEST(Noise, WhatWasNotMeasuredIsNotSaid) {
  const NoiseVerdict verdict = judge_noise({}, {}, {});
  EXPECT_FALSE(verdict.noisy);
  EXPECT_THAT(verdict.why, ::testing::Not(HasSubstr("loop")));
  EXPECT_THAT(verdict.why, ::testing::Not(HasSubstr("stolen")));
}

}  // namespace
}  // namespace ft::calibrate
