#include "sim/cost/recorded_times.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

#include "sim/cost/estimate.h"
#include "sim/cost/least_squares.h"

namespace ft::sim::cost {

namespace {

using profile::Cost;

constexpr std::size_t kEnoughToJudge = 8;

// What takes longer than this waited.
double limit_for(double usual_ns) {
  constexpr double kTimesAsLong = 5;
  constexpr double kLonger = 8'000;
  return std::max(kTimesAsLong * usual_ns, usual_ns + kLonger);
}

// What no recording can tell from the flush it belongs to.
bool is_part_of_flush(Cost cost) {
  return cost == Cost::FlushLocalPage || cost == Cost::FlushRemote;
}

// REQUIRES: `sorted` is not empty.
Nanoseconds quantile(std::span<const Nanoseconds> sorted, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return sorted[at];
}

struct Mean {
  double ns = 0;
  double count = 0;
};

Mean mean_up_to(std::span<const Nanoseconds> sorted, double limit) {
  const auto end = std::ranges::partition_point(
      sorted, [&](Nanoseconds ns) { return static_cast<double>(ns) <= limit; });
  const auto count = static_cast<double>(end - sorted.begin());
  if (count == 0) return {};
  return {.ns = std::accumulate(sorted.begin(), end, 0.0) / count, .count = count};
}

// The unknowns of the equations: a cost, or what a part does that has no name.
class Unknowns {
 public:
  std::size_t of(Cost cost) { return number(by_cost_[static_cast<std::size_t>(cost)]); }
  std::size_t of(PartId part) { return number(by_part_[part]); }
  std::size_t count() const { return count_; }

  std::vector<std::pair<std::size_t, double>> terms(PartId part, const Operations& operations) {
    std::vector<std::pair<std::size_t, double>> terms;
    for (std::size_t i = 0; i < profile::kCosts; ++i) {
      if (operations.counts[i] == 0 || is_part_of_flush(static_cast<Cost>(i))) continue;
      terms.emplace_back(of(static_cast<Cost>(i)), static_cast<double>(operations.counts[i]));
    }
    if (operations.nameless != 0) {
      terms.emplace_back(of(part), static_cast<double>(operations.nameless));
    }
    return terms;
  }

  void price(const std::vector<double>& x, PriceList& prices) const {
    for (std::size_t i = 0; i < profile::kCosts; ++i) {
      if (by_cost_[i]) prices.set(static_cast<Cost>(i), {.ns = x[*by_cost_[i]], .spread = {}});
    }
    for (const auto& [part, unknown] : by_part_) {
      if (unknown) prices.set(part, {.ns = x[*unknown], .spread = {}});
    }
  }

 private:
  std::size_t number(std::optional<std::size_t>& unknown) {
    if (!unknown) unknown = count_++;
    return *unknown;
  }

  std::array<std::optional<std::size_t>, profile::kCosts> by_cost_;
  std::map<PartId, std::optional<std::size_t>> by_part_;
  std::size_t count_ = 0;
};

}  // namespace

// What a group usually takes.
struct RecordedTimes::Usual {
  std::vector<Nanoseconds> sorted;
  double limit = 0;     // longer: waited
  Mean work;            // of the others
  double expected = 0;  // by the prices of all groups
};

void RecordedTimes::add(PartId part, const Operations& operations, Nanoseconds ns) {
  if (last_ >= groups_.size() || groups_[last_].part != part ||
      groups_[last_].operations != operations) {
    const auto [found, is_new] = index_.try_emplace({part, operations}, groups_.size());
    last_ = found->second;
    if (is_new) groups_.push_back({part, operations, {}});
  }
  groups_[last_].times.push_back(std::max<Nanoseconds>(ns, 0));
}

// First each group by itself where it is large enough; then what is rare by what its operations
// take elsewhere.
std::vector<RecordedTimes::Usual> RecordedTimes::usual_of_groups() const {
  std::vector<Usual> all(groups_.size());
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    Usual& usual = all[i];
    usual.sorted = groups_[i].times;
    std::ranges::sort(usual.sorted);
    const bool enough = usual.sorted.size() >= kEnoughToJudge;
    const double start = static_cast<double>(quantile(usual.sorted, enough ? 0.25 : 0.5));
    usual.limit = limit_for(start);
    usual.work = mean_up_to(usual.sorted, usual.limit);
  }
  for (int round = 0; round < 3; ++round) {
    Unknowns unknowns;
    std::vector<Equation> equations(groups_.size());
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      equations[i] = {.terms = unknowns.terms(groups_[i].part, groups_[i].operations),
                      .value = all[i].work.ns,
                      .weight = all[i].work.count};
    }
    const std::vector<double> x = solve_relative(equations, unknowns.count());
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      Usual& usual = all[i];
      usual.expected = value_at(equations[i], x);
      if (usual.sorted.size() >= kEnoughToJudge) continue;
      usual.limit = limit_for(usual.expected);
      usual.work = mean_up_to(usual.sorted, usual.limit);
    }
  }
  return all;
}

RecordedTimes::Evaluation RecordedTimes::evaluate() const {
  const std::vector<Usual> usual = usual_of_groups();
  return {.prices = prices(usual), .sums = sums(usual)};
}

PriceList RecordedTimes::prices(const std::vector<Usual>& usual) const {
  Unknowns unknowns;
  std::vector<Equation> equations;
  PriceList prices;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    for (const Cost cost : {Cost::FlushLocalPage, Cost::FlushRemote}) {
      if (group.operations.of(cost) != 0) prices.set(cost, {.ns = 0, .spread = 0});
    }
    const bool major = group.part == PartId::major();
    // Storage is all wait.
    const Mean mean = major ? mean_up_to(usual[i].sorted, std::numeric_limits<double>::infinity())
                            : usual[i].work;
    equations.push_back({.terms = unknowns.terms(group.part, group.operations),
                         .value = mean.ns,
                         .weight = mean.count});
  }
  unknowns.price(solve_relative(equations, unknowns.count()), prices);
  // The spread shows where an operation was done alone.
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    if (group.operations.total() != 1 || group.times.size() < kEnoughToJudge) continue;
    const Nanoseconds median = quantile(usual[i].sorted, 0.5);
    if (median == 0) continue;
    const double spread =
        static_cast<double>(quantile(usual[i].sorted, 0.75) - quantile(usual[i].sorted, 0.25)) /
        static_cast<double>(median);
    for (std::size_t k = 0; k < profile::kCosts; ++k) {
      const auto cost = static_cast<Cost>(k);
      if (group.operations.of(cost) != 0) {
        prices.set(cost, {.ns = prices.of(cost)->ns, .spread = spread});
      }
    }
  }
  return prices;
}

RecordedSums RecordedTimes::sums(const std::vector<Usual>& usual) const {
  RecordedSums sums;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    const bool major = group.part.sort() == PartId::Sort::Major;
    const Usual& of_group = usual[i];
    const Nanoseconds typical =
        whole_ns(of_group.work.count > 0 ? of_group.work.ns : of_group.expected);
    RecordedPart& part = sums.parts[group.part];
    for (const Nanoseconds ns : of_group.sorted) {
      ++part.count;
      part.ns += ns;
      if (major) {
        sums.storage_ns += ns;
        continue;
      }
      const bool waited = static_cast<double>(ns) > of_group.limit;
      const Nanoseconds wait = waited ? ns - std::min(typical, ns) : 0;
      part.waited += waited ? 1 : 0;
      part.wait_ns += wait;
      sums.wait_ns += wait;
      (group.part.is_call() ? sums.call_ns : sums.fault_ns) += ns - wait;
    }
  }
  return sums;
}

}  // namespace ft::sim::cost
