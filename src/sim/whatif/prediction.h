// A prediction: a recording as it was, and as it would have been under a scenario.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sim/whatif/figures.h"
#include "sim/whatif/memory_limits.h"
#include "sim/whatif/scenario.h"

namespace ft::sim::whatif {

struct Prediction {
  Figures figures;
  // Every figure rests on something that a recording does not hold; without it only what files are
  // about does: which of their pages were in memory.
  bool estimated = false;
  // On which node pages are, beyond what makes all estimated: it rests on where threads ran, or on
  // what was free.
  bool placement_estimated = false;
  // Where less memory, or swap, was asked for.
  std::optional<LimitFigures> limits;
  Notes notes;  // what was assumed, and what cannot be known
};

// What was recorded, replayed.
Figures figures_of_recording(const replay::Material& material, const PartsOf& parts_of);

// The trace under the scenario. Errors: those of Scenario::apply.
Result<replay::Material> changed(const replay::Material& material, const Scenario& scenario,
                                 const PartsOf& parts_of, Notes& notes);

Result<Prediction> predict(const replay::Material& material, const Scenario& scenario,
                           const PartsOf& parts_of);

}  // namespace ft::sim::whatif
