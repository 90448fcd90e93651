#include "tlb_reach.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "sim/cost/lookups.h"
#include "sim/profile/machines.h"

namespace ft::app {

namespace {

using report::model::LookupCost;
using report::model::TlbReach;
using report::model::Translations;
using report::model::WorkingSetOf;
using report::model::WorkingSets;
using sim::cost::Reach;
using sim::tlb::PageSize;

Result<void> fill(Translations& translations, const Reach& reach, PageSize size) {
  if (!reach.entries || translations.most == 0) return {};
  const auto entries = static_cast<double>(*reach.entries);
  translations.of_reach_least = static_cast<double>(translations.least) / entries;
  translations.of_reach_most = static_cast<double>(translations.most) / entries;
  const auto fewest = FT_TRY(
      sim::cost::lookups_of(reach.geometry, size, std::max<std::uint64_t>(translations.least, 1)));
  const auto most = translations.least == translations.most
                        ? fewest
                        : FT_TRY(sim::cost::lookups_of(reach.geometry, size, translations.most));
  LookupCost cost{.misses_least = fewest.line_by_line.walks,
                  .misses_most = most.at_random.walks,
                  .ns_least = sim::cost::lookup_ns(reach, fewest.line_by_line, -0.5),
                  .ns_most = sim::cost::lookup_ns(reach, most.at_random, 0.5)};
  translations.lookups = cost;
  return {};
}

std::string source_of(const sim::profile::MachineProfile& machine, const Reach& small) {
  if (!small.measured) {
    return fmt::format("{}: entries of {} by its vendor, not measured", machine.name,
                       machine.tlb.core.empty() ? machine.tlb.name : machine.tlb.core);
  }
  std::string text = machine.name + ": measured";
  if (const auto& measured = machine.costs.measured) {
    if (!measured->cpu.empty()) text += " on " + measured->cpu;
    if (!measured->date.empty()) text += ", " + measured->date;
    if (measured->noisy.value_or(false)) text += ", on a noisy host";
  }
  return text;
}

void add_notes(const WorkingSets& sets, const Reach& small, const Reach& large, TlbReach& reach) {
  if (!large.entries) {
    reach.notes.emplace_back(
        "How many 2 MiB translations the TLB holds is not known: the machine's file does not tell. "
        "firsttouch calibrate leaves it out where huge pages turn out to be small to the "
        "processor, as in a virtual machine whose host backs it with small pages; then huge pages "
        "make walks shorter and not rarer.");
  }
  if (!small.walk_ns) {
    reach.notes.emplace_back(
        "What a miss takes was not measured: firsttouch calibrate on that machine does.");
  }
  // calibrate measures from two to five times the second knee.
  constexpr std::uint64_t kMeasuredUpTo = 5;
  if (small.walk_ns && small.entries && sets.whole.small.most > kMeasuredUpTo * *small.entries) {
    reach.notes.push_back(fmt::format(
        "The walk was measured with up to {} pages, whose page tables the data caches hold; those "
        "of larger sets may miss them, and then the upper figure is too low.",
        grouped(kMeasuredUpTo * *small.entries)));
  }
}

}  // namespace

Result<void> add_reach(const std::string& machine, report::model::Report& report) {
  const sim::profile::MachineProfile profile = FT_TRY(sim::profile::load_machine(machine));
  if (!report.working_sets) return {};
  WorkingSets& sets = *report.working_sets;
  const Reach small = sim::cost::reach_of(profile.tlb, profile.costs, PageSize::Small);
  const Reach large = sim::cost::reach_of(profile.tlb, profile.costs, PageSize::Large);
  for (WorkingSetOf& row : sets.rows) {
    FT_TRY_VOID(fill(row.small, small, PageSize::Small));
    FT_TRY_VOID(fill(row.large, large, PageSize::Large));
  }
  FT_TRY_VOID(fill(sets.whole.small, small, PageSize::Small));
  FT_TRY_VOID(fill(sets.whole.large, large, PageSize::Large));
  TlbReach reach{.small_entries = small.entries,
                 .large_entries = large.entries,
                 .small_walk_ns = small.walk_ns,
                 .large_walk_ns = large.walk_ns,
                 .small_walk_spread = small.walk_spread,
                 .large_walk_spread = large.walk_spread,
                 .source = source_of(profile, small),
                 .notes = {}};
  add_notes(sets, small, large, reach);
  sets.reach = std::move(reach);
  std::erase_if(report.missing, [](const report::model::Missing& missing) {
    return missing.what == "working_sets.reach";
  });
  return {};
}

}  // namespace ft::app
