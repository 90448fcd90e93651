#include "analysis/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace ft::analysis {
namespace {

TEST(LatencyHistogram, IsEmptyAtFirst) {
  const LatencyHistogram empty;
  EXPECT_EQ(empty.count(), 0U);
  EXPECT_EQ(empty.quantile(0.5), 0);
  EXPECT_EQ(empty.min(), 0);
  EXPECT_EQ(empty.max(), 0);
  empty.check();
}

TEST(LatencyHistogram, CountsSmallValuesExactly) {
  LatencyHistogram histogram;
  for (Nanoseconds value = 0; value < 256; ++value) histogram.record(value);
  for (int i = 1; i <= 256; ++i) EXPECT_EQ(histogram.quantile(i / 256.0), i - 1);
}

TEST(LatencyHistogram, TakesTheExtremesOfTheType) {
  LatencyHistogram histogram;
  histogram.record(std::numeric_limits<Nanoseconds>::max() / 2);
  histogram.record(-5);
  histogram.check();
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), std::numeric_limits<Nanoseconds>::max() / 2);
}

TEST(LatencyHistogram, QuantilesStayWithinTheErrorOfASort) {
  std::mt19937_64 random(7);
  for (const double spread : {0.1, 1.0, 3.0}) {
    std::lognormal_distribution<double> latency(7.5, spread);
    LatencyHistogram histogram;
    LatencyHistogram halves[2];
    std::vector<Nanoseconds> exact;
    for (int i = 0; i < 50'000; ++i) {
      exact.push_back(static_cast<Nanoseconds>(latency(random)));
      histogram.record(exact.back());
      halves[i % 2].record(exact.back());
    }
    std::ranges::sort(exact);
    histogram.check();
    halves[0].merge(halves[1]);
    halves[0].check();
    for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(q * 50'000.0));
      const auto truth = static_cast<double>(exact[rank == 0 ? 0 : rank - 1]);
      EXPECT_NEAR(static_cast<double>(histogram.quantile(q)), truth,
                  std::abs(truth) * LatencyHistogram::kQuantileError + 1)
          << "q " << q << " spread " << spread;
      EXPECT_EQ(histogram.quantile(q), halves[0].quantile(q));
    }
    EXPECT_EQ(histogram.quantile(1.0), exact.back());
  }
}

}  // namespace
}  // namespace ft::analysis
