#include "sim/cost/forecast.h"

#include <algorithm>
#include <utility>

namespace ft::sim::cost {

Basis::Basis(const Recorded& recorded, const profile::MachineCosts& machine)
    : work_(recorded.work), prices_(PriceList::of_machine(machine)) {
  if (recorded.total_ns && !recorded.times.empty()) {
    RecordedTimes::Evaluation evaluated = recorded.times.evaluate();
    prices_.complete(evaluated.prices);
    recorded_ = std::move(evaluated.sums);
    outside_ns_ = std::max<Nanoseconds>(*recorded.total_ns - recorded_->total_ns(), 0);
  }
  prices_.take_from_relatives();
  unchanged_ = estimate(recorded.work, prices_);
}

Forecast forecast(const Basis& basis, const Work& work) {
  Forecast result{.work = estimate(work, basis.prices()), .wait_ns = {}, .outside_ns = 0};
  if (!basis.recorded()) return result;
  const Estimate& unchanged = basis.unchanged();
  const double before = unchanged.fault_ns + unchanged.call_ns;
  // Only the recording has a price for storage.
  const double without_waits =
      result.work.ns_by[static_cast<std::size_t>(Origin::Recording)] - result.work.storage_ns;
  const auto waits = static_cast<double>(basis.recorded()->wait_ns);
  result.wait_ns = before > 0 ? waits * std::max(without_waits, 0.0) / before : waits;
  result.outside_ns = basis.outside_ns();
  return result;
}

}  // namespace ft::sim::cost
