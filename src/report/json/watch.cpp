#include "report/json/watch.h"

#include <nlohmann/json.hpp>

#include "report/json/findings.h"
#include "report/json/values.h"

namespace ft::report::json {

namespace {

using namespace model;

Json rate_of(const Rate& rate) {
  return {{"unit", rate.pages ? "pages" : "events"},
          {"total", or_null(rate.total)},
          {"since_start", or_null(rate.since_start)},
          {"per_second", or_null(rate.per_second)}};
}

Json rates_of(const std::vector<Rate>& rates) {
  Json object = Json::object();
  for (const Rate& rate : rates) object[rate.name] = rate_of(rate);
  return object;
}

Json share_of(const Known<PressureShare>& share) {
  if (!share) return nullptr;
  return {{"now_percent", or_null(share->now)},
          {"avg10_percent", share->avg10},
          {"avg60_percent", share->avg60},
          {"avg300_percent", share->avg300},
          {"total_us", share->total_us}};
}

Json pressure_of(const Known<MemoryPressure>& pressure) {
  if (!pressure) return nullptr;
  return {{"some", share_of(pressure->some)}, {"full", share_of(pressure->full)}};
}

Json host_of(const HostSizes& host) {
  return {{"total_bytes", or_null(host.total)},
          {"free_bytes", or_null(host.free)},
          {"available_bytes", or_null(host.available)},
          {"page_cache_bytes", or_null(host.page_cache)},
          {"shared_bytes", or_null(host.shared)},
          {"anonymous_bytes", or_null(host.anonymous)},
          {"anonymous_huge_bytes", or_null(host.anonymous_huge)},
          {"slab_bytes", or_null(host.slab)},
          {"page_tables_bytes", or_null(host.page_tables)},
          {"dirty_bytes", or_null(host.dirty)},
          {"committed_bytes", or_null(host.committed)},
          {"commit_limit_bytes", or_null(host.commit_limit)},
          {"swap_total_bytes", or_null(host.swap_total)},
          {"swap_free_bytes", or_null(host.swap_free)}};
}

Json zone_of(const ZoneView& zone) {
  return {{"node", zone.node},
          {"name", zone.name},
          {"managed_bytes", zone.managed},
          {"free_bytes", zone.free},
          {"on_cpu_lists_bytes", zone.on_cpu_lists},
          {"min_bytes", zone.min},
          {"low_bytes", zone.low},
          {"high_bytes", zone.high},
          {"boost_bytes", zone.boost},
          {"reserve_bytes", zone.reserve},
          {"free_blocks", Json(zone.free_blocks)},
          {"fragmentation_index", Json(zone.fragmentation)},
          {"unusable_share", Json(zone.unusable)}};
}

Json cgroup_of(const CgroupView& level) {
  return {{"path", level.path},
          {"limit_bytes", or_null(level.limit)},
          {"high_bytes", or_null(level.high)},
          {"swap_limit_bytes", or_null(level.swap_limit)},
          {"current_bytes", or_null(level.current)},
          {"peak_bytes", or_null(level.peak)},
          {"swap_current_bytes", or_null(level.swap_current)},
          {"anonymous_bytes", or_null(level.anonymous)},
          {"reclaimable_bytes", or_null(level.reclaimable)},
          {"to_limit_bytes", or_null(level.to_limit)},
          {"to_oom_bytes", or_null(level.to_oom)},
          {"events", rates_of(level.events)},
          {"pressure", pressure_of(level.pressure)}};
}

Json cgroups_of(const Known<CgroupsView>& groups) {
  if (!groups) return nullptr;
  Json nearest = nullptr;
  if (groups->nearest) nearest = groups->levels[*groups->nearest].path;
  return {{"version", groups->version},
          {"nearest", std::move(nearest)},
          {"levels", array_of(groups->levels, cgroup_of)}};
}

Json subsystems_of(const Known<SubsystemsView>& view) {
  if (!view) return nullptr;
  return {{"age_ns", or_null(view->age)},
          {"cost_ns", or_null(view->cost)},
          {"evidence", view->evidence},
          {"sum_bytes", or_null(view->sum)},
          {"rows", array_of(view->rows,
                            [](const SubsystemView& row) {
                              return Json{
                                  {"name", row.name},
                                  {"resident_bytes", row.resident},
                                  {"committed_bytes", or_null(row.committed)},
                                  {"huge_bytes", or_null(row.huge)},
                                  {"swapped_bytes", or_null(row.swapped)},
                                  {"growth_bytes_per_second", or_null(row.growth_per_second)},
                                  {"since_start_bytes", or_null(row.since_start)},
                                  {"new_pages_per_second", or_null(row.new_pages_per_second)},
                                  {"faults", or_null(row.faults)},
                                  {"faults_per_second", or_null(row.faults_per_second)}};
                            })},
          {"faults_elsewhere", or_null(view->faults_elsewhere)}};
}

Json process_of(const Known<ProcessView>& known) {
  if (!known) return nullptr;
  const ProcessView& process = *known;
  return {{"pid", process.pid},
          {"name", process.name},
          {"user", process.user},
          {"state", std::string(1, process.state)},
          {"ended", process.ended},
          {"ended_words", process.ended_words},
          {"threads", process.threads},
          {"resident_bytes", or_null(process.resident)},
          {"anonymous_bytes", or_null(process.anonymous)},
          {"file_bytes", or_null(process.file)},
          {"shared_bytes", or_null(process.shared)},
          {"swapped_bytes", or_null(process.swapped)},
          {"page_tables_bytes", or_null(process.page_tables)},
          {"mapped_bytes", or_null(process.mapped)},
          {"peak_bytes", or_null(process.peak)},
          {"growth_bytes_per_second", or_null(process.growth_per_second)},
          {"since_start_bytes", or_null(process.since_start)},
          {"minor_faults", process.minor_faults},
          {"major_faults", process.major_faults},
          {"minor_faults_per_second", or_null(process.minor_per_second)},
          {"major_faults_per_second", or_null(process.major_per_second)},
          {"cpu_share", or_null(process.cpu_share)},
          {"oom_score", or_null(process.oom_score)},
          {"oom_score_adj", or_null(process.oom_score_adj)},
          {"map_count", or_null(process.map_count)},
          {"max_map_count", or_null(process.max_map_count)},
          {"rollup_age_ns", or_null(process.rollup_age)},
          {"proportional_bytes", or_null(process.proportional)},
          {"anonymous_huge_bytes", or_null(process.anonymous_huge)},
          {"lazy_free_bytes", or_null(process.lazy_free)},
          {"locked_bytes", or_null(process.locked)},
          {"subsystems", subsystems_of(process.subsystems)}};
}

std::string laid_out(const Json& root, Layout layout) {
  constexpr bool kAsciiOnly = true;
  return root.dump(indent_of(layout), ' ', kAsciiOnly, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string render(const Watch& watch, Layout layout) {
  Json rates = Json::object();
  for (const RateGroup& group : watch.rates) rates[group.name] = rates_of(group.rates);
  Json root;
  root["kind"] = "sample";
  root["format"] = 1;
  root["sample"] = watch.sample;
  root["realtime_ns"] = watch.realtime_ns;
  root["seconds"] = or_null(watch.seconds);
  root["process"] = process_of(watch.process);
  root["host"] = host_of(watch.host);
  root["pressure"] = pressure_of(watch.pressure);
  root["zones"] = array_of(watch.zones, zone_of);
  root["rates"] = std::move(rates);
  root["nodes"] = array_of(watch.nodes, [](const NodeView& node) {
    return Json{{"node", node.node}, {"rates", rates_of(node.rates)}};
  });
  root["cgroups"] = cgroups_of(watch.cgroups);
  root["next"] = array_of(watch.next, [](const NextStep& step) {
    return Json{{"name", step.name},
                {"nearness", std::string(name_of(step.nearness))},
                {"distance_bytes", or_null(step.distance)},
                {"words", step.words}};
  });
  root["findings"] = findings_of(watch.findings);
  root["missing"] = array_of(watch.missing, [](const Missing& missing) {
    return Json{{"what", missing.what}, {"why", missing.why}};
  });
  root["own_cpu_share"] = or_null(watch.own_cpu_share);
  return laid_out(root, layout);
}

std::string render(const BeforeAfter& table, Layout layout) {
  Json rows = Json::object();
  for (const BeforeAfterRow& row : table.rows) {
    rows[row.name] = {{"unit", row.unit},
                      {"before", or_null(row.before)},
                      {"after", or_null(row.after)},
                      {"change", row.change}};
  }
  const Json root = {{"kind", "before_after"},
                     {"format", 1},
                     {"command", Json(table.command)},
                     {"exit_status", or_null(table.exit_status)},
                     {"wall_ns", table.wall_ns},
                     {"user_ns", or_null(table.user_ns)},
                     {"system_ns", or_null(table.system_ns)},
                     {"peak_resident_bytes", or_null(table.peak_resident)},
                     {"minor_faults", or_null(table.minor_faults)},
                     {"major_faults", or_null(table.major_faults)},
                     {"host", std::move(rows)}};
  return laid_out(root, layout);
}

}  // namespace ft::report::json
