#include "report/json/working_sets.h"

namespace ft::report::json {

namespace {

using namespace model;

Json lookups_of(const std::optional<LookupCost>& lookups) {
  if (!lookups) return nullptr;
  return {{"misses_a_load_least", lookups->misses_least},
          {"misses_a_load_most", lookups->misses_most},
          {"ns_a_load_least", or_null(lookups->ns_least)},
          {"ns_a_load_most", or_null(lookups->ns_most)}};
}

Json translations_of(const Translations& need) {
  return {{"least", need.least},
          {"most", need.most},
          {"of_reach_least", or_null(need.of_reach_least)},
          {"of_reach_most", or_null(need.of_reach_most)},
          {"lookups", lookups_of(need.lookups)}};
}

Json row_of(const WorkingSetOf& row) {
  return {{"name", row.name},
          {"peak_bytes", row.peak_bytes},
          {"median_bytes", row.median_bytes},
          {"peak_at_ns", row.peak_at_ns},
          {"translations_4k", translations_of(row.small)},
          {"translations_2m", translations_of(row.large)}};
}

Json cost_of(const ScanCost& cost) {
  return {{"median_ns", cost.median_ns}, {"max_ns", cost.most_ns}, {"total_ns", cost.total_ns}};
}

Json reach_of(const std::optional<TlbReach>& reach) {
  if (!reach) return nullptr;
  return {{"source", reach->source},
          {"entries_4k", or_null(reach->small_entries)},
          {"entries_2m", or_null(reach->large_entries)},
          {"walk_4k_ns", or_null(reach->small_walk_ns)},
          {"walk_2m_ns", or_null(reach->large_walk_ns)},
          {"walk_4k_spread", or_null(reach->small_walk_spread)},
          {"walk_2m_spread", or_null(reach->large_walk_spread)},
          {"notes", Json(reach->notes)}};
}

Json phase_of(const CounterPhase& phase, const Counters& counters) {
  Json values = Json::object();
  for (std::size_t i = 0; i < counters.events.size(); ++i) {
    values[counters.events[i]] = {{"count", or_null(phase.values[i].count)},
                                  {"share_counted", phase.values[i].share_counted}};
  }
  return {{"name", phase.name},
          {"start_ns", phase.start_ns},
          {"end_ns", phase.end_ns},
          {"late_ns", phase.late_ns},
          {"values", std::move(values)}};
}

}  // namespace

Json working_sets_of(const Report& report) {
  if (!report.working_sets) return nullptr;
  const WorkingSets& sets = *report.working_sets;
  return {{"pid", sets.pid},
          {"asked_interval_ns", sets.asked_interval_ns},
          {"median_interval_ns", sets.median_interval_ns},
          {"scans", sets.scans},
          {"scan_cost", cost_of(sets.scan)},
          {"clear_cost", cost_of(sets.cleared)},
          {"evict_cost", cost_of(sets.evicted)},
          {"evicts", sets.evicts},
          {"subsystems", array_of(sets.rows, row_of)},
          {"whole", row_of(sets.whole)},
          {"shared_out_bytes", sets.shared_out},
          {"huge_bytes_at_peak", sets.huge_at_peak},
          {"hugetlb_bytes_not_told", sets.untold_bytes},
          {"reach", reach_of(sets.reach)},
          {"over_time",
           {{"subsystems", Json(sets.subsystems)},
            {"points", array_of(sets.points,
                                [](const WorkingSetPoint& point) {
                                  return Json{{"ts", point.ts},
                                              {"interval_ns", point.interval_ns},
                                              {"referenced_bytes", Json(point.bytes)}};
                                })}}},
          {"notes", Json(sets.notes)}};
}

Json counters_of(const Report& report) {
  if (!report.counters) {
    return {{"reason", why_missing(report, "counters")},
            {"events", nullptr},
            {"refused", nullptr},
            {"phases", nullptr},
            {"whole", nullptr}};
  }
  const Counters& counters = *report.counters;
  return {
      {"reason", nullptr},
      {"events", Json(counters.events)},
      {"refused", Json(counters.refused)},
      {"phases", array_of(counters.phases,
                          [&](const CounterPhase& phase) { return phase_of(phase, counters); })},
      {"whole", phase_of(counters.whole, counters)}};
}

}  // namespace ft::report::json
