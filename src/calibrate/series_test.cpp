#include "calibrate/series.h"

#include <gtest/gtest.h>

#include <array>

namespace ft::calibrate {
namespace {

TEST(Series, AQuantileLiesBetweenItsNeighbours) {
  EXPECT_DOUBLE_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 2, 3}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({10, 20}, 0.25), 12.5);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.9), 7);
  EXPECT_DOUBLE_EQ(quantile({1, 2, 3}, 1), 3);
}

TEST(Series, AnEstimateForgetsOutliers) {
  const auto quiet = estimate({100, 101, 99, 100, 5000});
  ASSERT_TRUE(quiet);
  EXPECT_DOUBLE_EQ(quiet->median, 100);
  EXPECT_DOUBLE_EQ(quiet->spread, 0.01);
}

TEST(Series, AnEstimateOfLessThanNothingHasASpreadAboveNothing) {
  const auto below = estimate({-4, -2, -3, -1, -5});
  ASSERT_TRUE(below);
  EXPECT_DOUBLE_EQ(below->median, -3);
  EXPECT_GT(below->spread, 0);
}

TEST(Series, TwoValuesAreNoEstimate) {
  EXPECT_FALSE(estimate({}));
  EXPECT_FALSE(estimate({1, 1}));
  EXPECT_TRUE(estimate({1, 1, 1}));
}

TEST(Series, ALineGoesThroughPointsThatLieOnOne) {
  const std::array points = {LinePoint{.count = 1, .value = 12},
                             LinePoint{.count = 64, .value = 138},
                             LinePoint{.count = 2048, .value = 4106}};
  const auto line = line_through(points);
  ASSERT_TRUE(line);
  EXPECT_NEAR(line->base, 10, 1e-6);
  EXPECT_NEAR(line->each, 2, 1e-9);
}

// A large value that is off by a tenth must not move the line by more than a small one that is.
TEST(Series, ALineWeighsPointsByTheirSize) {
  const std::array points = {
      LinePoint{.count = 1, .value = 100}, LinePoint{.count = 2, .value = 200},
      LinePoint{.count = 3, .value = 300}, LinePoint{.count = 1000, .value = 110'000}};
  const auto line = line_through(points);
  ASSERT_TRUE(line);
  EXPECT_NEAR(line->base + 2 * line->each, 200, 10);
}

TEST(Series, ThereIsNoLineThroughOneCount) {
  EXPECT_FALSE(line_through({}));
  const std::array same = {LinePoint{.count = 5, .value = 1}, LinePoint{.count = 5, .value = 2}};
  EXPECT_FALSE(line_through(same));
  const std::array nothing = {LinePoint{.count = 1, .value = 0}, LinePoint{.count = 2, .value = 2}};
  EXPECT_FALSE(line_through(nothing));
}

}  // namespace
}  // namespace ft::calibrate
