#include "report/csv/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

namespace ft::report::csv {

namespace {

using namespace model;

using Cells = std::vector<std::pair<std::string, std::string>>;

template <typename Number>
std::string shown(const Known<Number>& number) {
  if (!number) return {};
  if constexpr (std::is_floating_point_v<Number>)
    return fmt::format("{:.3f}", *number);
  else
    return fmt::format("{}", *number);
}

// "Java heap" -> "java_heap"
std::string snake_case(std::string_view name) {
  std::string snake;
  for (const char c : name) {
    const auto letter = static_cast<unsigned char>(c);
    snake += std::isalnum(letter) ? static_cast<char>(std::tolower(letter)) : '_';
  }
  return snake;
}

void add_process(const Watch& watch, Cells& cells) {
  const ProcessView process = watch.process.value_or(ProcessView{});
  cells.emplace_back("pid", watch.process ? std::to_string(process.pid) : "");
  cells.emplace_back("ended", process.ended ? "true" : "false");
  cells.emplace_back("resident_bytes", shown(process.resident));
  cells.emplace_back("anonymous_bytes", shown(process.anonymous));
  cells.emplace_back("file_bytes", shown(process.file));
  cells.emplace_back("shared_bytes", shown(process.shared));
  cells.emplace_back("swapped_bytes", shown(process.swapped));
  cells.emplace_back("page_tables_bytes", shown(process.page_tables));
  cells.emplace_back("growth_bytes_per_second", shown(process.growth_per_second));
  cells.emplace_back("minor_faults_per_second", shown(process.minor_per_second));
  cells.emplace_back("major_faults_per_second", shown(process.major_per_second));
  cells.emplace_back("cpu_share", shown(process.cpu_share));
  cells.emplace_back("threads", watch.process ? std::to_string(process.threads) : "");
}

void add_host(const Watch& watch, Cells& cells) {
  const HostSizes& host = watch.host;
  cells.emplace_back("host_free_bytes", shown(host.free));
  cells.emplace_back("host_available_bytes", shown(host.available));
  cells.emplace_back("host_page_cache_bytes", shown(host.page_cache));
  cells.emplace_back("host_anonymous_bytes", shown(host.anonymous));
  cells.emplace_back("host_swap_free_bytes", shown(host.swap_free));
  Known<double> some;
  Known<double> full;
  if (watch.pressure && watch.pressure->some) some = watch.pressure->some->now;
  if (watch.pressure && watch.pressure->full) full = watch.pressure->full->now;
  cells.emplace_back("pressure_some_percent", shown(some));
  cells.emplace_back("pressure_full_percent", shown(full));
}

void add_next(const Watch& watch, Cells& cells) {
  for (const std::string_view name : {"kswapd", "direct_reclaim", "cgroup_oom", "host_oom"}) {
    const auto step = std::ranges::find(watch.next, name, &NextStep::name);
    cells.emplace_back(fmt::format("to_{}_bytes", name),
                       step == watch.next.end() ? "" : shown(step->distance));
  }
  Known<Bytes> current;
  Known<Bytes> limit;
  if (watch.cgroups && !watch.cgroups->levels.empty()) {
    const CgroupsView& groups = *watch.cgroups;
    current = groups.levels.front().current;
    if (groups.nearest) limit = groups.levels[*groups.nearest].limit;
  }
  cells.emplace_back("cgroup_current_bytes", shown(current));
  cells.emplace_back("cgroup_limit_bytes", shown(limit));
}

Cells cells_of(const Watch& watch, std::span<const std::string_view> subsystems) {
  Cells cells;
  cells.emplace_back("sample", std::to_string(watch.sample));
  cells.emplace_back("realtime_ns", std::to_string(watch.realtime_ns));
  cells.emplace_back("seconds", shown(watch.seconds));
  add_process(watch, cells);
  add_host(watch, cells);
  add_next(watch, cells);
  for (const RateGroup& group : watch.rates) {
    for (const Rate& rate : group.rates) {
      cells.emplace_back(rate.name + "_per_second", shown(rate.per_second));
    }
  }
  const auto* view =
      watch.process && watch.process->subsystems ? &*watch.process->subsystems : nullptr;
  const auto row_named = [&](std::string_view name) -> const SubsystemView* {
    const auto row = std::ranges::find(view->rows, name, &SubsystemView::name);
    return row == view->rows.end() ? nullptr : &*row;
  };
  for (const std::string_view name : subsystems) {
    const SubsystemView* row = view ? row_named(name) : nullptr;
    cells.emplace_back(snake_case(name) + "_resident_bytes",
                       view ? std::to_string(row ? row->resident : 0) : std::string());
  }
  for (const std::string_view name : subsystems) {
    const SubsystemView* row = view ? row_named(name) : nullptr;
    cells.emplace_back(snake_case(name) + "_faults_per_second",
                       row ? shown(row->faults_per_second) : std::string());
  }
  return cells;
}

std::string line_of(const Cells& cells, std::string Cells::value_type::* part) {
  std::string line;
  for (const auto& cell : cells) line += (line.empty() ? "" : ",") + cell.*part;
  return line + "\n";
}

}  // namespace

std::string watch_heading(const Watch& watch, std::span<const std::string_view> subsystems) {
  return line_of(cells_of(watch, subsystems), &Cells::value_type::first);
}

std::string watch_row(const Watch& watch, std::span<const std::string_view> subsystems) {
  return line_of(cells_of(watch, subsystems), &Cells::value_type::second);
}

}  // namespace ft::report::csv
