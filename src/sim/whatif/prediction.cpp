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

// What decides on nodes but the scenario: where threads run, and what is free.
void note_memory(const MemoryPlan& plan, Prediction& prediction) {
  using numa::Mode;
  const Mode mode = plan.policy.mode;
  const std::vector<NodeFigures>& nodes = prediction.figures.nodes;
  const bool by_address = mode == Mode::Interleave || mode == Mode::WeightedInterleave;
  const bool one_node = plan.policy.nodes.size() == 1;
  const bool elsewhere =
      std::ranges::any_of(nodes, [](const NodeFigures& node) { return node.requests.miss != 0; });
  prediction.placement_estimated = nodes.size() > 1 && (elsewhere || !(by_address || one_node));
  if (prediction.placement_estimated && !by_address) {
    prediction.notes.emplace_back(
        plan.threads == ThreadPlaces::Together
            ? "which CPUs threads ran on is not recorded: taken as those of the first node"
            : "which CPUs threads ran on is not recorded: taken as dealt to the nodes in turn");
  }
  if (prediction.figures.blocks_refused.value_or(0) != 0) {
    prediction.notes.emplace_back(
        "huge pages are refused where no block is free; compaction, which may make some, and "
        "khugepaged are not modelled");
  }
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
  const std::optional<MemoryPlan> memory =
      FT_TRY(scenario.memory(material.trace, prediction.notes));
  const std::unique_ptr<Parts> parts = parts_of(other.trace);
  if (memory) {
    prediction.figures = FT_TRY(measure(other, *parts, *memory));
    note_memory(*memory, prediction);
  } else {
    prediction.figures = measure(other, *parts);
  }
  // Those of a changed recording took no time that anybody saw.
  prediction.figures.time.times = {};
  if (const LimitWishes& wishes = scenario.wishes().limits; wishes.any()) {
    const LimitPlan plan = FT_TRY(limit_plan(wishes, other.trace, prediction.notes));
    prediction.limits = measure_limits(other, *parts, plan);
    const Notes& assumed = prediction.limits->notes;
    prediction.notes.insert(prediction.notes.end(), assumed.begin(), assumed.end());
  }
  const bool start_unknown =
      std::ranges::any_of(material.trace.processes,
                          [](const event::Process& process) { return process.present_at_start; });
  prediction.estimated = scenario.changes_jvm() || start_unknown || huge_faults(material) != 0;
  if (prediction.limits) prediction.limits->pages_estimated = prediction.estimated;
  if (!memory && prediction.figures.pages_by_order[phys::kHugeOrder] != 0) {
    prediction.notes.emplace_back(
        "huge pages are taken to be free when they are asked for; khugepaged, which makes more of "
        "them later, is not modelled");
  }
  return prediction;
}

}  // namespace ft::sim::whatif
