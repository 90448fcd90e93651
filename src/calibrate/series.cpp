#include "calibrate/series.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace ft::calibrate {

double quantile(std::vector<double> values, double share) {
  FT_CHECK(!values.empty());
  std::ranges::sort(values);
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], place - static_cast<double>(below));
}

std::optional<Estimate> estimate(const std::vector<double>& values) {
  constexpr std::size_t kFewest = 3;
  if (values.size() < kFewest) return std::nullopt;
  const double median = quantile(values, 0.5);
  const double middle_half = quantile(values, 0.75) - quantile(values, 0.25);
  return Estimate{.median = median, .spread = median == 0 ? 0 : middle_half / std::abs(median)};
}

std::optional<Line> line_through(std::span<const LinePoint> points) {
  // Weighted least squares with weights of 1 / value^2.
  double sum = 0;
  double sum_x = 0;
  double sum_y = 0;
  double sum_xx = 0;
  double sum_xy = 0;
  for (const LinePoint& point : points) {
    if (!(point.value > 0)) return std::nullopt;
    const double weight = 1 / (point.value * point.value);
    sum += weight;
    sum_x += weight * point.count;
    sum_y += weight * point.value;
    sum_xx += weight * point.count * point.count;
    sum_xy += weight * point.count * point.value;
  }
  const bool differ =
      std::ranges::any_of(points, [&](const auto& p) { return p.count != points[0].count; });
  if (!differ) return std::nullopt;
  const double each = (sum * sum_xy - sum_x * sum_y) / (sum * sum_xx - sum_x * sum_x);
  return Line{.base = (sum_y - each * sum_x) / sum, .each = each};
}

}  // namespace ft::calibrate
