#include "sim/whatif/prediction.h"

#include <fmt/format.h>

#include <algorithm>

namespace ft::sim::whatif {

namespace {

std::uint64_t huge_faults(const replay::Material& material) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      material.faults,
      [](const event::Fault& fault) { return fault.has_page && fault.page.order != 0; }));
}

}  // namespace

Figures figures_of_recording(const replay::Material& material, const PartsOf& parts_of) {
  return measure(material, *parts_of(material.trace));
}

Result<replay::Material> changed(const replay::Material& material, const Scenario& scenario,
                                 const PartsOf& parts_of, Notes& notes) {
  Draft draft(material, *parts_of(material.trace));
  FT_TRY_VOID(scenario.apply(draft, notes));
  if (const std::uint64_t huge = huge_faults(material); huge != 0) {
    notes.push_back(fmt::format(
        "{} recorded faults brought in more than 4 KiB: which pages inside were used is not in the "
        "recording, so that smaller pages, and bloat, are told as if only the faulting one was",
        huge));
  }
  return std::move(draft).finish();
}

Result<Prediction> predict(const replay::Material& material, const Scenario& scenario,
                           const PartsOf& parts_of) {
  Prediction prediction;
  const replay::Material other = FT_TRY(changed(material, scenario, parts_of, prediction.notes));
  prediction.figures = measure(other, *parts_of(other.trace));
  const bool start_unknown =
      std::ranges::any_of(material.trace.processes,
                          [](const event::Process& process) { return process.present_at_start; });
  prediction.estimated = scenario.changes_jvm() || start_unknown || huge_faults(material) != 0;
  if (prediction.figures.pages_by_order[phys::kHugeOrder] != 0) {
    prediction.notes.emplace_back(
        "huge pages are taken to be free when they are asked for; khugepaged, which makes more of "
        "them later, is not modelled");
  }
  return prediction;
}

}  // namespace ft::sim::whatif
