#include "calibrate/knees.h"

#include <algorithm>
#include <vector>

#include "calibrate/series.h"

namespace ft::calibrate {

namespace {

constexpr double kFirstRise = 0.3;           // of a load that finds everything
constexpr double kHalf = 0.5;                // of a hit in the second level
constexpr double kSecondRise = 2.5;          // times such a hit
constexpr double kBehindFirst = 1.5;         // times the first knee: the second level's plateau
constexpr std::uint64_t kSecondAtLeast = 4;  // times the first: no core has a smaller second
constexpr double kWalksFrom = 2;             // times the second knee: few hits are left
constexpr double kWalksTo = 5;               // lines and page tables still fit the data caches

// The index of the first point from `from` on whose part passes `limit` for good.
std::optional<std::size_t> rise(std::span<const ReachPoint> points, std::size_t from,
                                double limit) {
  for (std::size_t i = std::max<std::size_t>(from, 1); i + 1 < points.size(); ++i) {
    if (points[i].extra_ns > limit && points[i + 1].extra_ns > limit) return i;
  }
  return std::nullopt;
}

std::optional<double> middle(std::span<const ReachPoint> points, double from, double to) {
  std::vector<double> values;
  for (const ReachPoint& point : points) {
    const auto pages = static_cast<double>(point.pages);
    if (pages >= from && pages <= to) values.push_back(point.extra_ns);
  }
  if (values.empty()) return std::nullopt;
  return quantile(values, 0.5);
}

}  // namespace

Knees levels_between(std::span<const ReachPoint> points, const Knees& knees) {
  Knees levels{
      .l1_pages = knees.l1_pages, .l2_pages = knees.l2_pages, .l2_hit_ns = {}, .walk_ns = {}};
  if (knees.l1_pages) {
    const auto l1 = static_cast<double>(*knees.l1_pages);
    levels.l2_hit_ns = middle(points, kBehindFirst * l1, static_cast<double>(kSecondAtLeast) * l1);
  }
  if (knees.l2_pages) {
    const auto l2 = static_cast<double>(*knees.l2_pages);
    levels.walk_ns = middle(points, kWalksFrom * l2, kWalksTo * l2);
  }
  return levels;
}

Knees find_knees(std::span<const ReachPoint> points) {
  Knees knees;
  if (points.size() < 4) return knees;
  auto first = rise(points, 0, kFirstRise * points.front().load_ns);
  if (!first) return knees;
  knees.l1_pages = points[*first - 1].pages;
  std::optional<double> hit = levels_between(points, knees).l2_hit_ns;
  if (!hit || *hit <= 0) return knees;
  // Where it is steepest, noise moves it least.
  first = rise(points, 0, kHalf * *hit);
  if (!first) return knees;
  knees.l1_pages = points[*first - 1].pages;
  hit = levels_between(points, knees).l2_hit_ns;
  if (!hit || *hit <= 0) return knees;
  const auto second = rise(points, *first, kSecondRise * *hit);
  if (second) {
    const std::uint64_t pages = points[*second - 1].pages;
    if (pages >= kSecondAtLeast * *knees.l1_pages) knees.l2_pages = pages;
  }
  return levels_between(points, knees);
}

}  // namespace ft::calibrate
