#include "sim/cost/estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ft::sim::cost {

namespace {

class Adder {
 public:
  explicit Adder(const PriceList& prices) : prices_(prices) {}

  void add(PartId part, const PartWork& work) {
    PartTime time{.part = part, .count = work.count, .operations = work.operations.total()};
    for (std::size_t i = 0; i < profile::kCosts; ++i) {
      const auto cost = static_cast<profile::Cost>(i);
      add(time, work.operations.of(cost), work.coldness[i], prices_.of(cost), cost, error_of_[i]);
    }
    double error = 0;  // of what has no name, each part has its own price
    add(time, work.operations.nameless, 0, prices_.of(part), std::nullopt, error);
    squares_ += error * error;
    sum_of(part) += time.ns;
    result_.operations += time.operations;
    result_.operations_unpriced += time.unpriced;
    result_.parts.push_back(time);
  }

  Estimate finish() {
    for (const double error : error_of_) squares_ += error * error;
    result_.uncertainty_ns = std::sqrt(squares_);
    return std::move(result_);
  }

 private:
  double& sum_of(PartId part) {
    if (part.sort() == PartId::Sort::Major) return result_.storage_ns;
    return part.is_call() ? result_.call_ns : result_.fault_ns;
  }

  void add(PartTime& time, std::uint64_t count, double coldness, const std::optional<Price>& price,
           std::optional<profile::Cost> cost, double& error) {
    if (count == 0) return;
    if (!price) {
      time.unpriced += count;
      result_.unpriced.push_back({time.part, cost, count});
      return;
    }
    const double ns =
        static_cast<double>(count) * price->ns + coldness * (price->cold() - price->ns);
    time.ns += ns;
    result_.ns_by[static_cast<std::size_t>(price->origin)] += ns;
    if (price->spread) {
      error += ns * *price->spread / 2;
    } else {
      result_.ns_without_spread += ns;
    }
  }

  const PriceList& prices_;
  Estimate result_;
  std::array<double, profile::kCosts> error_of_{};
  double squares_ = 0;
};

}  // namespace

double Estimate::share_unpriced() const {
  return operations == 0
             ? 0
             : static_cast<double>(operations_unpriced) / static_cast<double>(operations);
}

const PartTime* Estimate::of(PartId part) const {
  const auto found = std::ranges::find(parts, part, &PartTime::part);
  return found == parts.end() ? nullptr : &*found;
}

Estimate estimate(const Work& work, const PriceList& prices) {
  Adder adder(prices);
  for (const auto& [part, done] : work) adder.add(part, done);
  return adder.finish();
}

Nanoseconds whole_ns(double ns) {
  constexpr auto kMost = std::numeric_limits<Nanoseconds>::max();
  // The double nearest to kMost is one more than it.
  if (!(ns < static_cast<double>(kMost))) return kMost;
  return ns <= 0 ? 0 : static_cast<Nanoseconds>(std::llround(ns));
}

}  // namespace ft::sim::cost
