#include "report/text/watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/text/table.h"
#include "report/text/watch_words.h"

namespace ft::report::text {

namespace {

using namespace model;

constexpr double kPressureWorthColour = 1;  // percent

// The lines of one view.
class Lines {
 public:
  explicit Lines(std::size_t width) : width_(width) {}

  void heading(std::string_view title) {
    if (!lines_.empty()) lines_.emplace_back();
    lines_.push_back({{std::string(title), Style::Heading}});
  }
  // "  label        figures": wrapped, the label in columns of its own.
  void fact(std::string_view label, std::string_view figures, std::optional<Style> style = {}) {
    constexpr int kLabel = 12;
    add(wrapped_lines(figures, width_, {fmt::format("  {:<{}}", label, kLabel), style}));
  }
  void remark(char mark, std::string_view words, std::optional<Style> style = {}) {
    add(wrapped_lines(words, width_, {fmt::format("  {} ", mark), style}));
  }
  void words(std::string_view text) { add(wrapped_lines(text, width_, {"  ", {}})); }
  void table(const Table& table) {
    std::string text = table.render(width_, Styler(Styler::Colours::Off));
    std::string_view rest = text;
    bool first = true;
    while (!rest.empty()) {
      const std::string_view line = take_until(rest, '\n');
      lines_.push_back({{std::string(line), first ? std::optional(Style::Faint) : std::nullopt}});
      first = false;
    }
  }
  std::size_t width() const { return width_; }
  std::vector<StyledLine> take() { return std::move(lines_); }

 private:
  void add(std::vector<StyledLine> lines) { std::ranges::move(lines, std::back_inserter(lines_)); }

  std::size_t width_;
  std::vector<StyledLine> lines_;
};

std::string per_second(std::string_view figure) {
  return figure == kUnknown ? std::string(figure) : std::string(figure) + "/s";
}

std::string rate_of(const Watch& watch, std::string_view name) {
  const Rate* rate = rate_named(watch, name);
  return rate ? per_second(rate_words(rate->per_second)) : std::string(kUnknown);
}

void add_process_lines(const Watch& watch, Lines& lines) {
  if (!watch.process) return;
  const ProcessView& process = *watch.process;
  if (process.ended) lines.fact("ended", process.ended_words, Style::Warning);
  lines.fact("process", fmt::format("resident {} ({}), faults {}, major {}, CPU {}",
                                    bytes_or_dash(process.resident),
                                    per_second(growth_words(process.growth_per_second)),
                                    per_second(rate_words(process.minor_per_second)),
                                    per_second(rate_words(process.major_per_second)),
                                    share_words(process.cpu_share)));
  lines.fact("", fmt::format("anonymous {}, file {}, swap {}, page tables {}, peak {}",
                             bytes_or_dash(process.anonymous), bytes_or_dash(process.file),
                             bytes_or_dash(process.swapped), bytes_or_dash(process.page_tables),
                             bytes_or_dash(process.peak)));
}

std::string pressure_words(const Known<PressureShare>& share) {
  if (!share) return std::string(kUnknown);
  const std::string now = share->now ? fmt::format("{:.1f} %", *share->now) : std::string(kUnknown);
  return fmt::format("{} (10 s {:.1f}, 60 s {:.1f}, 300 s {:.1f})", now, share->avg10, share->avg60,
                     share->avg300);
}

std::optional<Style> pressure_style(const MemoryPressure& pressure) {
  const bool stalls = pressure.some && pressure.some->avg10 >= kPressureWorthColour;
  return stalls ? std::optional(Style::Warning) : std::nullopt;
}

void add_pressure(const Watch& watch, Lines& lines) {
  if (!watch.pressure) return;
  lines.fact("pressure",
             fmt::format("some {}; full {}", pressure_words(watch.pressure->some),
                         pressure_words(watch.pressure->full)),
             pressure_style(*watch.pressure));
}

void add_host_line(const Watch& watch, Lines& lines) {
  const HostSizes& host = watch.host;
  lines.fact("host", fmt::format("free {}, available {} of {}, page cache {}, swap free {}",
                                 bytes_or_dash(host.free), bytes_or_dash(host.available),
                                 bytes_or_dash(host.total), bytes_or_dash(host.page_cache),
                                 bytes_or_dash(host.swap_free)));
}

void add_rates_line(const Watch& watch, Lines& lines) {
  lines.fact(
      "rates",
      fmt::format("faults {}, THP {} ({} fell back), reclaim {} kswapd {} direct, swap {} in "
                  "{} out, compact {}",
                  rate_of(watch, "pgfault"), rate_of(watch, "thp_fault_alloc"),
                  rate_of(watch, "thp_fault_fallback"), rate_of(watch, "pgsteal_kswapd"),
                  rate_of(watch, "pgsteal_direct"), rate_of(watch, "pswpin"),
                  rate_of(watch, "pswpout"), rate_of(watch, "compact_stall")));
}

void add_group_line(const Watch& watch, Lines& lines) {
  if (!watch.cgroups || watch.cgroups->levels.empty()) return;
  const CgroupsView& groups = *watch.cgroups;
  const CgroupView& own = groups.levels.front();
  std::string words = fmt::format("{} uses {}", printable(own.path), bytes_or_dash(own.current));
  if (groups.nearest) {
    const CgroupView& nearest = groups.levels[*groups.nearest];
    words += fmt::format("; limit {} of {}, killed in about {}", bytes_or_dash(nearest.limit),
                         printable(nearest.path), bytes_or_dash(nearest.to_oom));
  } else {
    words += ", no limit";
  }
  lines.fact("group", words);
}

std::optional<Style> style_of(Nearness nearness) {
  switch (nearness) {
    case Nearness::Now:
      return Style::Bad;
    case Nearness::Near:
      return Style::Warning;
    case Nearness::Far:
      break;
  }
  return std::nullopt;
}

char mark_of(Nearness nearness) {
  return nearness == Nearness::Far ? '-' : '!';
}

void add_next(const Watch& watch, std::size_t most, Lines& lines) {
  if (watch.next.empty()) return;
  lines.heading("What the kernel does next");
  for (const NextStep& step : watch.next) {
    if (most-- == 0) break;
    lines.remark(mark_of(step.nearness), step.words, style_of(step.nearness));
  }
}

void add_findings(const Watch& watch, Lines& lines) {
  bool any = false;
  for (const Finding& finding : watch.findings) any = any || finding.state == FindingState::Fires;
  if (!any) return;
  lines.heading("Remarks");
  for (const Finding& finding : watch.findings) {
    if (finding.state != FindingState::Fires) continue;
    lines.remark('!', fmt::format("{} {} ({})", finding.words, finding.advice, finding.name),
                 Style::Warning);
  }
}

void add_missing(const Watch& watch, Lines& lines) {
  if (watch.missing.empty()) return;
  lines.heading("Not known");
  for (const Missing& missing : watch.missing) {
    lines.remark('-', fmt::format("{}: {}", printable(missing.what), printable(missing.why)));
  }
}

double sort_key(const SubsystemView& row, WatchSort sort) {
  switch (sort) {
    case WatchSort::Growth:
      return row.growth_per_second.value_or(0);
    case WatchSort::Faults:
      return row.faults_per_second.value_or(0);
    case WatchSort::Resident:
    case WatchSort::Name:
      break;
  }
  return static_cast<double>(row.resident);
}

std::vector<SubsystemView> sorted(std::vector<SubsystemView> rows, WatchSort sort) {
  if (sort == WatchSort::Name) {
    std::ranges::stable_sort(rows, {}, &SubsystemView::name);
  } else {
    std::ranges::stable_sort(rows, [&](const SubsystemView& a, const SubsystemView& b) {
      return sort_key(a, sort) > sort_key(b, sort);
    });
  }
  return rows;
}

void add_subsystems(const Watch& watch, const WatchTextOptions& options, std::size_t most,
                    Lines& lines) {
  if (!watch.process || !watch.process->subsystems) return;
  const SubsystemsView& view = *watch.process->subsystems;
  lines.heading(fmt::format("By subsystem (read {})", age_words(view.age)));
  Table table({{"subsystem", Align::Left, Cut::First},
               {"resident"},
               {"growth/s"},
               {"since start"},
               {"faults/s"},
               {"huge"},
               {"swapped"}});
  for (const SubsystemView& row : sorted(view.rows, options.sort)) {
    if (most-- == 0) break;
    table.add({printable(row.name), human_bytes(row.resident), growth_words(row.growth_per_second),
               signed_bytes(row.since_start), rate_words(row.faults_per_second),
               bytes_or_dash(row.huge), bytes_or_dash(row.swapped)});
  }
  table.add_rule();
  table.add({"all", bytes_or_dash(view.sum), "", "", "", "", ""});
  lines.table(table);
}

std::vector<StyledLine> overview(const Watch& watch, const WatchTextOptions& options) {
  constexpr std::size_t kSubsystems = 6;
  constexpr std::size_t kSteps = 2;
  Lines lines(options.width);
  add_process_lines(watch, lines);
  add_host_line(watch, lines);
  add_pressure(watch, lines);
  add_group_line(watch, lines);
  add_rates_line(watch, lines);
  add_subsystems(watch, options, kSubsystems, lines);
  add_next(watch, kSteps, lines);
  add_findings(watch, lines);
  return lines.take();
}

std::vector<StyledLine> process_view(const Watch& watch, const WatchTextOptions& options) {
  Lines lines(options.width);
  if (!watch.process) return lines.take();
  const ProcessView& process = *watch.process;
  add_process_lines(watch, lines);
  lines.fact("", fmt::format("mapped {}, shared memory {}, since the start {}",
                             bytes_or_dash(process.mapped), bytes_or_dash(process.shared),
                             signed_bytes(process.since_start)));
  lines.fact("faults", fmt::format("{} minor and {} major in its life",
                                   grouped(process.minor_faults), grouped(process.major_faults)));
  lines.fact("mappings", fmt::format("{} of at most {}", count_or_dash(process.map_count),
                                     count_or_dash(process.max_map_count)));
  if (process.rollup_age) {
    lines.fact("smaps",
               fmt::format("proportional {}, huge pages {}, free for the taking {}, locked "
                           "{} (read {})",
                           bytes_or_dash(process.proportional),
                           bytes_or_dash(process.anonymous_huge), bytes_or_dash(process.lazy_free),
                           bytes_or_dash(process.locked), age_words(process.rollup_age)));
  }
  if (process.oom_score) {
    lines.fact("oom score", fmt::format("{} (adjusted by {})", *process.oom_score,
                                        process.oom_score_adj.value_or(0)));
  }
  add_subsystems(watch, options, process.subsystems ? process.subsystems->rows.size() : 0, lines);
  if (process.subsystems && !process.subsystems->evidence.empty()) {
    lines.words(process.subsystems->evidence);
  }
  return lines.take();
}

void add_rate_group(const RateGroup& group, Lines& lines) {
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

std::vector<StyledLine> host_view(const Watch& watch, const WatchTextOptions& options) {
  Lines lines(options.width);
  const HostSizes& host = watch.host;
  add_host_line(watch, lines);
  lines.fact("", fmt::format("anonymous {} (huge {}), shared {}, slab {}, page tables {}, dirty {}",
                             bytes_or_dash(host.anonymous), bytes_or_dash(host.anonymous_huge),
                             bytes_or_dash(host.shared), bytes_or_dash(host.slab),
                             bytes_or_dash(host.page_tables), bytes_or_dash(host.dirty)));
  lines.fact("", fmt::format("committed {} (limit {}), swap {}", bytes_or_dash(host.committed),
                             bytes_or_dash(host.commit_limit), bytes_or_dash(host.swap_total)));
  add_pressure(watch, lines);
  for (const RateGroup& group : watch.rates) add_rate_group(group, lines);
  return lines.take();
}

void add_watermarks(const Watch& watch, Lines& lines) {
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

void add_free_lists(const Watch& watch, Lines& lines) {
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

void add_nodes(const Watch& watch, Lines& lines) {
  for (const NodeView& node : watch.nodes) {
    add_rate_group({fmt::format("NUMA node {}", node.node), node.rates}, lines);
  }
}

std::vector<StyledLine> zones_view(const Watch& watch, const WatchTextOptions& options) {
  Lines lines(options.width);
  add_watermarks(watch, lines);
  add_free_lists(watch, lines);
  add_nodes(watch, lines);
  return lines.take();
}

std::string limit_words(const Known<Bytes>& limit) {
  return limit ? human_bytes(*limit) : "none";
}

std::vector<StyledLine> groups_view(const Watch& watch, const WatchTextOptions& options) {
  Lines lines(options.width);
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

std::vector<StyledLine> remarks_view(const Watch& watch, const WatchTextOptions& options) {
  Lines lines(options.width);
  add_next(watch, watch.next.size(), lines);
  add_findings(watch, lines);
  add_missing(watch, lines);
  return lines.take();
}

}  // namespace

std::vector<StyledLine> watch_lines(const Watch& watch, WatchView view,
                                    const WatchTextOptions& options) {
  switch (view) {
    case WatchView::Overview:
      return overview(watch, options);
    case WatchView::Process:
      return process_view(watch, options);
    case WatchView::Host:
      return host_view(watch, options);
    case WatchView::Zones:
      return zones_view(watch, options);
    case WatchView::Groups:
      return groups_view(watch, options);
    case WatchView::Remarks:
      return remarks_view(watch, options);
  }
  return {};
}

StyledLine watch_title(const Watch& watch) {
  StyledLine line;
  if (watch.process) {
    const ProcessView& process = *watch.process;
    line.push_back({fmt::format("{} ({})", printable(process.name), process.pid), Style::Strong});
    if (process.ended) {
      line.push_back({" " + process.ended_words, Style::Bad});
    } else {
      line.push_back({fmt::format(" {} threads", process.threads), {}});
    }
  }
  line.push_back({fmt::format("  {}  #{}", clock_words(watch.realtime_ns), watch.sample), {}});
  if (watch.own_cpu_share) {
    line.push_back(
        {fmt::format("  watching costs {}", share_words(watch.own_cpu_share)), Style::Faint});
  }
  return line;
}

std::string render_watch(const Watch& watch, const WatchTextOptions& options, const Styler& style) {
  std::string out = with_codes(watch_title(watch), style) + "\n";
  for (const WatchView view : {WatchView::Process, WatchView::Groups, WatchView::Zones,
                               WatchView::Host, WatchView::Remarks}) {
    const std::vector<StyledLine> lines = watch_lines(watch, view, options);
    if (lines.empty()) continue;
    out += "\n";
    for (const StyledLine& line : lines) out += with_codes(line, style) + "\n";
  }
  return out;
}

std::string watch_row_heading() {
  return fmt::format("{:<8} {:>10} {:>11} {:>9} {:>7} {:>10} {:>10} {:>10} {:>6}\n", "time",
                     "resident", "growth/s", "faults/s", "major/s", "free", "kswapd in", "oom in",
                     "stall");
}

std::string watch_row(const Watch& watch) {
  Known<Bytes> kswapd;
  Known<Bytes> oom;
  for (const NextStep& step : watch.next) {
    if (step.name == "kswapd") kswapd = step.distance;
    if ((step.name == "host_oom" || step.name == "cgroup_oom") && step.distance) {
      oom = std::min(oom.value_or(*step.distance), *step.distance);
    }
  }
  const ProcessView process = watch.process.value_or(ProcessView{});
  const bool stalls = watch.pressure && watch.pressure->some && watch.pressure->some->now;
  return fmt::format(
      "{:<8} {:>10} {:>11} {:>9} {:>7} {:>10} {:>10} {:>10} {:>6}\n",
      clock_words(watch.realtime_ns), bytes_or_dash(process.resident),
      growth_words(process.growth_per_second), rate_words(process.minor_per_second),
      rate_words(process.major_per_second), bytes_or_dash(watch.host.free), bytes_or_dash(kswapd),
      bytes_or_dash(oom),
      stalls ? fmt::format("{:.1f} %", *watch.pressure->some->now) : std::string(kUnknown));
}

std::string render_before_after(const BeforeAfter& table, const TextOptions& options) {
  const Styler style(options.colours);
  std::string command;
  for (const std::string& word : table.command) {
    command += (command.empty() ? "" : " ") + printable(std::string_view(word).substr(0, 200));
    if (command.size() > 1000) break;
  }
  std::string out = style(Style::Heading, "Before and after") + "  " +
                    shortened(command, options.width > 20 ? options.width - 20 : 1) + "\n";
  const auto line = [&](std::string_view label, const std::string& figure) {
    out += fmt::format("  {:<26}{}\n", label, figure);
  };
  line("wall time", human_duration(table.wall_ns));
  if (table.user_ns && table.system_ns) {
    line("CPU time", fmt::format("{} user, {} in the kernel", human_duration(*table.user_ns),
                                 human_duration(*table.system_ns)));
  }
  line("peak of resident memory", bytes_or_dash(table.peak_resident));
  line("page faults", fmt::format("{} minor, {} major", count_or_dash(table.minor_faults),
                                  count_or_dash(table.major_faults)));
  if (table.exit_status) line("exit status", std::to_string(*table.exit_status));
  Table rows({{"of the host", Align::Left, Cut::First}, {"before"}, {"after"}, {"change"}});
  for (const BeforeAfterRow& row : table.rows) {
    const bool bytes = row.unit == "bytes";
    const auto shown = [&](Count value) { return bytes ? human_bytes(value) : grouped(value); };
    const auto size = static_cast<std::uint64_t>(row.change < 0 ? -row.change : row.change);
    const std::string change = row.change == 0 ? "0" : (row.change < 0 ? "-" : "+") + shown(size);
    rows.add({printable(row.words), shown(*row.before), shown(*row.after), change});
  }
  return out + rows.render(options.width, style);
}

}  // namespace ft::report::text
