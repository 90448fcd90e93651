#include "calibrate/knees.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ft::calibrate {
namespace {

struct Core {
  std::uint64_t l1 = 64;
  std::uint64_t l2 = 1536;
  double found_ns = 1.1;
  double hit_ns = 2;
  double walk_ns = 30;
};

// Eight points an octave from 8 to 65,536 pages; behind each level's end the part of loads that it
// misses grows as with random replacement. `noise` is added to every third point.
std::vector<ReachPoint> curve(const Core& core, double noise = 0) {
  std::vector<ReachPoint> points;
  for (int step = 0; step <= 13 * 8; ++step) {
    const auto pages = static_cast<std::uint64_t>(std::llround(8 * std::exp2(step / 8.0)));
    const auto missed = [&](std::uint64_t entries) {
      return pages <= entries ? 0.0
                              : std::min(1.0, 3.0 * static_cast<double>(pages - entries) /
                                                  static_cast<double>(entries));
    };
    double extra = core.hit_ns * missed(core.l1);
    extra += (core.walk_ns - core.hit_ns) * missed(core.l2);
    if (step % 3 == 0) extra += noise;
    points.push_back({.pages = pages, .load_ns = core.found_ns + extra, .extra_ns = extra});
  }
  return points;
}

// Whether it is one of the points next to what was wanted.
void expect_near(std::optional<std::uint64_t> knee, std::uint64_t wanted) {
  ASSERT_TRUE(knee);
  EXPECT_GT(static_cast<double>(*knee), static_cast<double>(wanted) / 1.2);
  EXPECT_LT(static_cast<double>(*knee), static_cast<double>(wanted) * 1.2);
}

TEST(Knees, AreFoundWhereTheLevelsEnd) {
  for (const Core& core :
       {Core{}, Core{.l1 = 96, .l2 = 4096, .found_ns = 0.8, .hit_ns = 1.3, .walk_ns = 9},
        Core{.l1 = 32, .l2 = 512, .found_ns = 3, .hit_ns = 6, .walk_ns = 60}}) {
    SCOPED_TRACE(core.l1);
    const Knees knees = find_knees(curve(core));
    expect_near(knees.l1_pages, core.l1);
    expect_near(knees.l2_pages, core.l2);
    EXPECT_NEAR(knees.l2_hit_ns.value_or(0), core.hit_ns, 0.01 * core.hit_ns);
    EXPECT_NEAR(knees.walk_ns.value_or(0), core.walk_ns, 0.01 * core.walk_ns);
  }
}

TEST(Knees, SinglePointsThatAreDisturbedDoNotMakeThem) {
  std::vector<ReachPoint> points = curve({});
  points[4].extra_ns += 20;
  points[40].extra_ns += 50;  // 256 pages
  const Knees knees = find_knees(points);
  expect_near(knees.l1_pages, 64);
  expect_near(knees.l2_pages, 1536);
}

TEST(Knees, ALittleNoiseMovesThemByAStepAtMost) {
  const Knees quiet = find_knees(curve({}));
  const Knees noisy = find_knees(curve({}, 0.3));
  ASSERT_TRUE(quiet.l1_pages && noisy.l1_pages && quiet.l2_pages && noisy.l2_pages);
  EXPECT_LE(std::abs(std::log2(static_cast<double>(*quiet.l1_pages) /
                               static_cast<double>(*noisy.l1_pages))),
            1.1 / 8);
  EXPECT_LE(std::abs(std::log2(static_cast<double>(*quiet.l2_pages) /
                               static_cast<double>(*noisy.l2_pages))),
            1.1 / 8);
}

TEST(Knees, AFlatCurveHasNone) {
  const Knees knees = find_knees(curve({.l1 = 1 << 20, .l2 = 1 << 20}));
  EXPECT_FALSE(knees.l1_pages);
  EXPECT_FALSE(knees.l2_pages);
  EXPECT_FALSE(knees.l2_hit_ns);
  EXPECT_FALSE(knees.walk_ns);
  EXPECT_FALSE(find_knees({}).l1_pages);
}

TEST(Knees, ASecondLevelBeyondWhatWasMeasuredIsNotMadeUp) {
  std::vector<ReachPoint> points = curve({});
  std::erase_if(points, [](const ReachPoint& point) { return point.pages > 1024; });
  const Knees knees = find_knees(points);
  expect_near(knees.l1_pages, 64);
  EXPECT_FALSE(knees.l2_pages);
  EXPECT_TRUE(knees.l2_hit_ns);
  EXPECT_FALSE(knees.walk_ns);
}

}  // namespace
}  // namespace ft::calibrate
