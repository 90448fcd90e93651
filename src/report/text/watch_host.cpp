// The views of the host, of its zones and of control groups.
#include <fmt/format.h>

#include "base/text.h"
#include "base/units.h"
#include "report/text/watch_parts.h"
#include "report/text/watch_words.h"

namespace ft::report::text {

namespace {

using namespace model;

constexpr double kPressureWorthColour = 1;  // percent

std::string pressure_words(const Known<PressureShare>& share) {
  if (!share) return std::string(kUnknown);
  const std::string now = share->now ? fmt::format("{:.1f} %", *share->now) : std::string(kUnknown);
  return fmt::format("{} (10 s {:.1f}, 60 s {:.1f}, 300 s {:.1f})", now, share->avg10, share->avg60,
                     share->avg300);
}

void add_pressure(const Watch& watch, ViewLines& lines) {
  if (!watch.pressure) return;
  lines.fact("pressure",
             fmt::format("some {}; full {}", pressure_words(watch.pressure->some),
                         pressure_words(watch.pressure->full)),
             pressure_style(*watch.pressure));
}

void add_rate_group(const RateGroup& group, ViewLines& lines) {
  lines.heading(fmt::format("{}", group.name));
  Table table({{"counter", Align::Left, Cut::First},
               {"per second"},
               {"since start"},
               {"since boot"},
               {"", Align::Left, Cut::Last}});
  for (const Rate& rate : group.rates) {
    if (!rate.total) continue;
    table.add({printable(rate.name), rate_words(rate.per_second), count_or_dash(rate.since_start),
               count_or_dash(rate.total), rate.words + (rate.pages ? ", pages" : "")});
  }
  if (!table.empty()) lines.table(table);
}

void add_watermarks(const Watch& watch, ViewLines& lines) {
  lines.heading("Watermarks");
  Table table({{"zone", Align::Left},
               {"managed"},
               {"free"},
               {"min"},
               {"low"},
               {"high"},
               {"boost"},
               {"reserve"},
               {"per-CPU"}});
  for (const ZoneView& zone : watch.zones) {
    table.add({fmt::format("{} {}", zone.node, printable(zone.name)), human_bytes(zone.managed),
               human_bytes(zone.free), human_bytes(zone.min), human_bytes(zone.low),
               human_bytes(zone.high), human_bytes(zone.boost), human_bytes(zone.reserve),
               human_bytes(zone.on_cpu_lists)});
  }
  lines.table(table);
}

void add_free_lists(const Watch& watch, ViewLines& lines) {
  for (const ZoneView& zone : watch.zones) {
    if (zone.free_blocks.empty()) continue;
    lines.heading(fmt::format("Free blocks, Node {} {}", zone.node, printable(zone.name)));
    Table table({{"order"}, {"block"}, {"free"}, {"memory"}, {"fragmentation"}, {"unusable"}});
    for (std::size_t order = 0; order < zone.free_blocks.size(); ++order) {
      const Bytes block = kPageSize << order;
      table.add({std::to_string(order), human_bytes(block), grouped(zone.free_blocks[order]),
                 human_bytes(zone.free_blocks[order] * block),
                 fmt::format("{:.3f}", zone.fragmentation[order]),
                 fmt::format("{:.1f} %", zone.unusable[order] * 100)});
    }
    lines.table(table);
  }
}

void add_nodes(const Watch& watch, ViewLines& lines) {
  for (const NodeView& node : watch.nodes) {
    add_rate_group({fmt::format("NUMA node {}", node.node), node.rates}, lines);
  }
}

std::string limit_words(const Known<Bytes>& limit) {
  return limit ? human_bytes(*limit) : "none";
}

}  // namespace

std::optional<Style> pressure_style(const MemoryPressure& pressure) {
  const bool stalls = pressure.some && pressure.some->avg10 >= kPressureWorthColour;
  return stalls ? std::optional(Style::Warning) : std::nullopt;
}

void add_host_line(const Watch& watch, ViewLines& lines) {
  const HostSizes& host = watch.host;
  const std::string swap = host.swap_total && *host.swap_total == 0
                               ? "no swap"
                               : "swap free " + bytes_or_dash(host.swap_free);
  lines.fact("host",
             fmt::format("free {}, available {}, page cache {}, {}", bytes_or_dash(host.free),
                         bytes_or_dash(host.available), bytes_or_dash(host.page_cache), swap));
}

std::vector<StyledLine> host_view(const Watch& watch, const WatchTextOptions& options) {
  ViewLines lines(options.width);
  const HostSizes& host = watch.host;
  add_host_line(watch, lines);
  lines.fact("", fmt::format("anonymous {} (huge {}), shared {}, slab {}, page tables {}, dirty {}",
                             bytes_or_dash(host.anonymous), bytes_or_dash(host.anonymous_huge),
                             bytes_or_dash(host.shared), bytes_or_dash(host.slab),
                             bytes_or_dash(host.page_tables), bytes_or_dash(host.dirty)));
  lines.fact("", fmt::format("total {}, committed {} (limit {}), swap {}",
                             bytes_or_dash(host.total), bytes_or_dash(host.committed),
                             bytes_or_dash(host.commit_limit), bytes_or_dash(host.swap_total)));
  add_pressure(watch, lines);
  for (const RateGroup& group : watch.rates) add_rate_group(group, lines);
  return lines.take();
}

std::vector<StyledLine> zones_view(const Watch& watch, const WatchTextOptions& options) {
  ViewLines lines(options.width);
  add_watermarks(watch, lines);
  add_free_lists(watch, lines);
  add_nodes(watch, lines);
  return lines.take();
}

std::vector<StyledLine> groups_view(const Watch& watch, const WatchTextOptions& options) {
  ViewLines lines(options.width);
  if (!watch.cgroups) {
    lines.words("The memory control group is not known.");
    return lines.take();
  }
  const CgroupsView& groups = *watch.cgroups;
  for (std::size_t i = 0; i < groups.levels.size(); ++i) {
    const CgroupView& level = groups.levels[i];
    lines.heading(fmt::format("{} (version {}{})", printable(level.path), groups.version,
                              groups.nearest == i ? ", nearest to its limit" : ""));
    lines.fact("uses",
               fmt::format("{} (peak {}), anonymous {}, can be dropped {}",
                           bytes_or_dash(level.current), bytes_or_dash(level.peak),
                           bytes_or_dash(level.anonymous), bytes_or_dash(level.reclaimable)));
    lines.fact("limit",
               fmt::format("{}, high {}, {} {}", limit_words(level.limit), limit_words(level.high),
                           groups.version == 1 ? "memory and swap" : "swap",
                           limit_words(level.swap_limit)));
    if (level.to_limit) {
      lines.fact("distance",
                 fmt::format("reclaims in {}, kills in about {}", bytes_or_dash(level.to_limit),
                             bytes_or_dash(level.to_oom)));
    }
    if (level.pressure) {
      lines.fact("pressure",
                 fmt::format("some {}; full {}", pressure_words(level.pressure->some),
                             pressure_words(level.pressure->full)),
                 pressure_style(*level.pressure));
    }
    std::string events;
    for (const Rate& rate : level.events) {
      if (!events.empty()) events += ", ";
      events += fmt::format("{} {}", printable(rate.name), count_or_dash(rate.total));
      if (rate.since_start.value_or(0) > 0) events += fmt::format(" (+{})", *rate.since_start);
    }
    if (!events.empty()) lines.fact("events", events);
  }
  return lines.take();
}

}  // namespace ft::report::text
