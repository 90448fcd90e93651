#include "analysis/watch/watch.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "analysis/watch/cgroups.h"
#include "analysis/watch/counters.h"
#include "analysis/watch/forecast.h"
#include "analysis/watch/zones.h"
#include "base/units.h"

namespace ft::analysis {

namespace {

using report::model::HostSizes;
using report::model::Known;
using report::model::ProcessView;
using report::model::SubsystemsView;
using report::model::SubsystemView;
using report::model::Watch;

std::optional<double> seconds_between(Nanoseconds from, Nanoseconds to) {
  if (to <= from) return std::nullopt;
  return static_cast<double>(to - from) / 1e9;
}

HostSizes sizes_of(const host::NumberTable& meminfo) {
  HostSizes sizes;
  sizes.total = meminfo.find("MemTotal");
  sizes.free = meminfo.find("MemFree");
  sizes.available = meminfo.find("MemAvailable");
  sizes.shared = meminfo.find("Shmem");
  const auto cached = meminfo.find("Cached");
  const auto buffers = meminfo.find("Buffers");
  if (cached && buffers && sizes.shared) {
    const std::uint64_t both = *cached + *buffers;
    sizes.page_cache = both > *sizes.shared ? both - *sizes.shared : 0;
  }
  sizes.anonymous = meminfo.find("AnonPages");
  sizes.anonymous_huge = meminfo.find("AnonHugePages");
  sizes.slab = meminfo.find("Slab");
  sizes.page_tables = meminfo.find("PageTables");
  sizes.dirty = meminfo.find("Dirty");
  sizes.committed = meminfo.find("Committed_AS");
  sizes.commit_limit = meminfo.find("CommitLimit");
  sizes.swap_total = meminfo.find("SwapTotal");
  sizes.swap_free = meminfo.find("SwapFree");
  return sizes;
}

std::vector<report::model::NodeView> nodes_of(const WatchLook& look, const WatchLook* before,
                                              const WatchLook* first,
                                              std::optional<double> seconds) {
  const auto table_of = [](const WatchLook* at, std::uint32_t node) -> const host::NumberTable* {
    if (!at) return nullptr;
    const auto found = std::ranges::find(at->host.nodes, node, &host::NodeCounters::node);
    return found == at->host.nodes.end() ? nullptr : &found->numastat;
  };
  std::vector<report::model::NodeView> views;
  for (const host::NodeCounters& node : look.host.nodes) {
    views.push_back({node.node, node_rates({.now = &node.numastat,
                                            .before = table_of(before, node.node),
                                            .first = table_of(first, node.node),
                                            .seconds = seconds})});
  }
  return views;
}

Known<double> rate(std::uint64_t now, std::uint64_t before, std::optional<double> seconds) {
  if (!seconds || now < before) return std::nullopt;
  return static_cast<double>(now - before) / *seconds;
}

std::int64_t difference(std::uint64_t now, std::uint64_t before) {
  return static_cast<std::int64_t>(now - before);
}

const SubsystemView* row_named(const Aged<SubsystemsView>* table, const std::string& name) {
  if (!table || !table->value) return nullptr;
  const auto found = std::ranges::find(table->value->rows, name, &SubsystemView::name);
  return found == table->value->rows.end() ? nullptr : &*found;
}

// What a subsystem that was not there had.
std::uint64_t resident_of(const SubsystemView* row) {
  return row ? row->resident : 0;
}

void add_status(const host::ProcessStatus& status, ProcessView& view) {
  view.name = status.name;
  view.user = status.real_uid;
  view.threads = status.threads;
  view.resident = status.vm_rss;
  view.anonymous = status.rss_anon;
  view.file = status.rss_file;
  view.shared = status.rss_shmem;
  view.swapped = status.vm_swap;
  view.page_tables = status.vm_pte;
  view.mapped = status.vm_size;
  view.peak = status.vm_hwm;
}

Known<double> cpu_share(const host::ProcessStat& now, const host::ProcessStat& before,
                        std::optional<double> seconds) {
  const auto ticks = [](const host::ProcessStat& stat) {
    return stat.user_ticks + stat.system_ticks;
  };
  const Known<double> per_second = rate(ticks(now), ticks(before), seconds);
  if (!per_second) return std::nullopt;
  return *per_second / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void add_growth(const host::ProcessMemory& now, const host::ProcessMemory& before,
                std::optional<double> seconds, ProcessView& view) {
  if (seconds && now.status.vm_rss && before.status.vm_rss) {
    view.growth_per_second =
        static_cast<double>(difference(*now.status.vm_rss, *before.status.vm_rss)) / *seconds;
  }
  view.minor_per_second = rate(now.stat.minor_faults, before.stat.minor_faults, seconds);
  view.major_per_second = rate(now.stat.major_faults, before.stat.major_faults, seconds);
  view.cpu_share = cpu_share(now.stat, before.stat, seconds);
}

Known<Nanoseconds> age_of(Nanoseconds at, Nanoseconds now) {
  return std::max<Nanoseconds>(now - at, 0);
}

void add_rollup(const Aged<host::SmapsCounters>& rollup, Nanoseconds now, ProcessView& view) {
  if (!rollup.value) return;
  view.proportional = rollup.value->pss;
  view.anonymous_huge = rollup.value->anon_huge_pages;
  view.lazy_free = rollup.value->lazy_free;
  view.locked = rollup.value->locked;
  view.rollup_age = age_of(rollup.at, now);
}

}  // namespace

ProcessView WatchModel::process_view(const WatchLook& look, std::optional<double> seconds) const {
  const host::ProcessMemory& now = *look.process;
  ProcessView view;
  view.pid = now.stat.pid;
  view.state = now.stat.state;
  view.ended = !look.ended_words.empty();
  view.ended_words = look.ended_words;
  view.minor_faults = now.stat.minor_faults;
  view.major_faults = now.stat.major_faults;
  add_status(now.status, view);
  if (before_ && before_->process && !view.ended) {
    add_growth(now, *before_->process, seconds, view);
  }
  if (first_ && first_->process && first_->process->status.vm_rss && now.status.vm_rss) {
    view.since_start = difference(*now.status.vm_rss, *first_->process->status.vm_rss);
  }
  view.oom_score = now.oom_score;
  view.oom_score_adj = now.oom_score_adj;
  view.map_count = look.map_count.value;
  view.max_map_count = look.host.settings.max_map_count;
  add_rollup(look.rollup, look.host.at, view);
  return view;
}

Watch WatchModel::next(WatchLook look) {
  Watch watch;
  watch.sample = ++samples_;
  watch.realtime_ns = look.realtime;
  const WatchLook* before = before_ ? &*before_ : nullptr;
  const WatchLook* first = first_ ? &*first_ : nullptr;
  if (before) watch.seconds = seconds_between(before->host.at, look.host.at);
  watch.host = sizes_of(look.host.meminfo);
  if (look.host.pressure) {
    const bool had = before && before->host.pressure;
    watch.pressure =
        pressure_view(*look.host.pressure, had ? &*before->host.pressure : nullptr, watch.seconds);
  }
  watch.zones = zone_views(look.host.zones, look.host.free_blocks);
  watch.rates = host_rates({.now = &look.host.vmstat,
                            .before = before ? &before->host.vmstat : nullptr,
                            .first = first ? &first->host.vmstat : nullptr,
                            .seconds = watch.seconds});
  watch.nodes = nodes_of(look, before, first, watch.seconds);
  if (look.cgroups) {
    watch.cgroups = cgroups_view({.now = &*look.cgroups,
                                  .before = before && before->cgroups ? &*before->cgroups : nullptr,
                                  .first = first && first->cgroups ? &*first->cgroups : nullptr,
                                  .seconds = watch.seconds,
                                  .swap_free = watch.host.swap_free});
  }
  std::vector<std::uint32_t> nodes;
  if (look.process) {
    watch.process = process_view(look, watch.seconds);
    if (look.subsystems.value) watch.process->subsystems = subsystems_view(look);
    nodes = host::numbers_of_list(look.process->status.mems_allowed)
                .value_or(std::vector<std::uint32_t>{});
  }
  watch.next = forecast(watch, look.host.settings, nodes);
  watch.missing = look.missing;
  for (const Error& problem : look.host.problems) {
    watch.missing.push_back({.what = problem.what, .why = problem.why});
  }
  watch.own_cpu_share = look.own_cpu_share;
  remember(std::move(look));
  return watch;
}

SubsystemsView WatchModel::subsystems_view(const WatchLook& look) const {
  SubsystemsView view = *look.subsystems.value;
  view.age = age_of(look.subsystems.at, look.host.at);
  const Aged<SubsystemsView>* last = walk_before(look.subsystems);
  const Aged<SubsystemsView>* first = first_walk_ ? &*first_walk_ : nullptr;
  view.sum = 0;
  for (SubsystemView& row : view.rows) {
    *view.sum += row.resident;
    if (last) {
      const auto seconds = seconds_between(last->at, look.subsystems.at);
      const std::int64_t grown = difference(row.resident, resident_of(row_named(last, row.name)));
      if (seconds) row.growth_per_second = static_cast<double>(grown) / *seconds;
      if (seconds && row.arrived) {
        row.new_pages_per_second = static_cast<double>(*row.arrived >> kPageShift) / *seconds;
      }
      if (seconds && row.faults) {
        row.faults_per_second = static_cast<double>(*row.faults) / *seconds;
      }
    }
    if (first) row.since_start = difference(row.resident, resident_of(row_named(first, row.name)));
  }
  return view;
}

// The walk before this one; the look may show the same walk as the look before.
const Aged<SubsystemsView>* WatchModel::walk_before(const Aged<SubsystemsView>& walk) const {
  for (const auto* candidate : {&last_walk_, &walk_before_last_}) {
    if (*candidate && (*candidate)->at < walk.at) return &**candidate;
  }
  return nullptr;
}

void WatchModel::remember(WatchLook look) {
  if (look.subsystems.value) {
    if (!first_walk_) first_walk_ = look.subsystems;
    if (!last_walk_ || last_walk_->at < look.subsystems.at) {
      walk_before_last_ = std::exchange(last_walk_, look.subsystems);
    }
  }
  if (!first_) first_ = look;
  before_ = std::move(look);
}

}  // namespace ft::analysis
