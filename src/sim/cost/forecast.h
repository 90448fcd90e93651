// Forecast tells kernel mm time three ways: as it was recorded, as the prices make it of the same
// start (how far the prices are off), and as they make it of a changed one (what the change does).
#pragma once

#include <optional>

#include "sim/cost/estimate.h"
#include "sim/cost/price_list.h"
#include "sim/cost/recorded_times.h"
#include "sim/cost/work.h"

namespace ft::sim::cost {

// What a recording tells, replayed under its own settings.
struct Recorded {
  Work work;
  RecordedTimes times;
  std::optional<Nanoseconds> total_ns;  // WorkMeter::recorded_ns
};

// What every forecast from one recording begins with.
class Basis {
 public:
  // Prices are the machine's, and the recording's for what the machine has none for; a machine
  // without costs leaves all to the recording.
  Basis(const Recorded& recorded, const profile::MachineCosts& machine);

  const Work& work() const { return work_; }
  const PriceList& prices() const { return prices_; }
  // Nothing where the recording holds no times.
  const std::optional<RecordedSums>& recorded() const { return recorded_; }
  // Recorded, but of nothing that the replay has a part for: faults within execve(2), faults that
  // another thread's had served already.
  Nanoseconds outside_ns() const { return outside_ns_; }
  const Estimate& unchanged() const { return unchanged_; }

 private:
  Work work_;
  PriceList prices_;
  std::optional<RecordedSums> recorded_;
  Nanoseconds outside_ns_ = 0;
  Estimate unchanged_;
};

struct Forecast {
  Estimate work;
  // Waits are no operations. Those of work that the recording's own prices are for come in the
  // recorded proportion. A machine's costs are means of many operations: what usually interrupts
  // them is in them, and nothing is added. Nothing where the recording holds no times.
  std::optional<double> wait_ns;
  Nanoseconds outside_ns = 0;

  Nanoseconds total_ns() const {
    return whole_ns(work.ns() + wait_ns.value_or(0) + static_cast<double>(outside_ns));
  }
};

Forecast forecast(const Basis& basis, const Work& work);
// Of what was recorded itself.
inline Forecast forecast_unchanged(const Basis& basis) {
  return forecast(basis, basis.work());
}

}  // namespace ft::sim::cost
