// Series: what repeated measurements of one thing gave, and what is told of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ft::calibrate {

// The value below which `share` (0 to 1) of the values lie, between neighbours in proportion.
// REQUIRES: values are not empty.
double quantile(std::vector<double> values, double share);

// The middle of many measurements, and how far they lie apart.
struct Estimate {
  double median = 0;
  double spread = 0;  // from the lower to the upper quartile, over the median's size; 0 or more
};

// Nothing where fewer than three values are there: then a middle says little.
std::optional<Estimate> estimate(const std::vector<double>& values);

// value = base + each * count
struct Line {
  double base = 0;
  double each = 0;
};

struct LinePoint {
  double count = 0;
  double value = 0;  // above 0
};

// The line whose relative distances from the points have the least squares. Nothing with fewer than
// two different counts.
std::optional<Line> line_through(std::span<const LinePoint> points);

}  // namespace ft::calibrate
