#include "report/text/watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/text/table.h"
#include "report/text/watch_parts.h"
#include "report/text/watch_words.h"

namespace ft::report::text {

namespace {

using namespace model;

std::string per_second(std::string_view figure) {
  return figure == kUnknown ? std::string(figure) : std::string(figure) + "/s";
}

std::string rate_of(const Watch& watch, std::string_view name) {
  const Rate* rate = rate_named(watch, name);
  return rate ? per_second(rate_words(rate->per_second)) : std::string(kUnknown);
}

void add_process_lines(const Watch& watch, ViewLines& lines) {
  if (!watch.process) return;
  const ProcessView& process = *watch.process;
  if (process.ended) lines.fact("ended", process.ended_words, Style::Warning);
  lines.fact("process", fmt::format("resident {} ({}), faults {}, major {}, CPU {}",
                                    bytes_or_dash(process.resident),
                                    per_second(growth_words(process.growth_per_second)),
                                    per_second(rate_words(process.minor_per_second)),
                                    per_second(rate_words(process.major_per_second)),
                                    share_words(process.cpu_share)));
  lines.fact("", fmt::format("anonymous {}, file {}, swap {}, tables {}",
                             bytes_or_dash(process.anonymous), bytes_or_dash(process.file),
                             bytes_or_dash(process.swapped), bytes_or_dash(process.page_tables)));
}

// In the overview every line counts.
void add_pressure_in_short(const Watch& watch, ViewLines& lines) {
  if (!watch.pressure) return;
  const auto now = [](const Known<PressureShare>& share) {
    return share && share->now ? fmt::format("{:.1f} %", *share->now) : std::string(kUnknown);
  };
  const auto before = [](const Known<PressureShare>& share) {
    return share ? fmt::format("{:.1f} %", share->avg60) : std::string(kUnknown);
  };
  const MemoryPressure& pressure = *watch.pressure;
  lines.fact("pressure",
             fmt::format("some {}, full {}; of the last minute {}, {}", now(pressure.some),
                         now(pressure.full), before(pressure.some), before(pressure.full)),
             pressure_style(pressure));
}

void add_rates_line(const Watch& watch, ViewLines& lines) {
  lines.fact(
      "rates",
      fmt::format("faults {}, THP {} ({} fell back), reclaim {} kswapd {} direct, swap {} in "
                  "{} out, compact {}",
                  rate_of(watch, "pgfault"), rate_of(watch, "thp_fault_alloc"),
                  rate_of(watch, "thp_fault_fallback"), rate_of(watch, "pgsteal_kswapd"),
                  rate_of(watch, "pgsteal_direct"), rate_of(watch, "pswpin"),
                  rate_of(watch, "pswpout"), rate_of(watch, "compact_stall")));
}

// What tells groups apart is at the end of their paths.
std::string end_of_path(const std::string& path) {
  constexpr std::size_t kMost = 24;
  std::string shown = printable(path);
  if (shown.size() <= kMost) return shown;
  std::size_t start = shown.size() - kMost + 1;
  const auto inside_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
  };
  while (start < shown.size() && inside_character(shown[start])) ++start;
  return "…" + shown.substr(start);
}

void add_group_line(const Watch& watch, ViewLines& lines) {
  if (!watch.cgroups || watch.cgroups->levels.empty()) return;
  const CgroupsView& groups = *watch.cgroups;
  const CgroupView& own = groups.levels.front();
  std::string words = fmt::format("{} uses {}", end_of_path(own.path), bytes_or_dash(own.current));
  if (groups.nearest) {
    const CgroupView& nearest = groups.levels[*groups.nearest];
    words += fmt::format("; limit {} of {}, killed in about {}", bytes_or_dash(nearest.limit),
                         end_of_path(nearest.path), bytes_or_dash(nearest.to_oom));
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

void add_next(const Watch& watch, std::size_t most, ViewLines& lines) {
  if (watch.next.empty()) return;
  lines.heading("What the kernel does next");
  for (const NextStep& step : watch.next) {
    if (most-- == 0) break;
    lines.remark(mark_of(step.nearness), step.words, style_of(step.nearness));
  }
}

void add_findings(const Watch& watch, ViewLines& lines) {
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

void add_missing(const Watch& watch, ViewLines& lines) {
  const auto not_evaluated = [](const Finding& finding) {
    return finding.state == FindingState::NotEvaluated;
  };
  if (watch.missing.empty() && std::ranges::none_of(watch.findings, not_evaluated)) return;
  lines.heading("Not known");
  for (const Missing& missing : watch.missing) {
    lines.remark('-', fmt::format("{}: {}", printable(missing.what), printable(missing.why)));
  }
  for (const Finding& finding : watch.findings) {
    if (!not_evaluated(finding)) continue;
    lines.remark('-', fmt::format("whether {}: {}", finding.name, finding.words));
  }
}

double sort_key(const SubsystemView& row, WatchSort sort) {
  switch (sort) {
    case WatchSort::Growth:
      return row.growth_per_second.value_or(0);
    case WatchSort::Faults:
      return row.faults_per_second.value_or(row.new_pages_per_second.value_or(0));
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
                    ViewLines& lines) {
  if (!watch.process || !watch.process->subsystems) return;
  const SubsystemsView& view = *watch.process->subsystems;
  lines.heading(fmt::format("By subsystem (read {})", age_words(view.age)));
  // A column of dashes tells nothing; the remarks say why.
  // Where faults may not be counted, new pages stand for them.
  const auto some = [&](Known<double> SubsystemView::* rate) {
    return std::ranges::any_of(view.rows,
                               [&](const SubsystemView& row) { return (row.*rate).has_value(); });
  };
  const bool faults = some(&SubsystemView::faults_per_second);
  const auto rate =
      faults ? &SubsystemView::faults_per_second : &SubsystemView::new_pages_per_second;
  const bool rates = some(rate);
  std::vector<Column> columns = {{"subsystem", Align::Left, Cut::First},
                                 {"resident"},
                                 {"growth/s"},
                                 {"since start"},
                                 {"huge"},
                                 {"swapped"}};
  if (rates) columns.push_back({faults ? "faults/s" : "new pages/s"});
  Table table(columns);
  const auto add = [&](std::vector<std::string> cells, const Known<double>& of_row) {
    if (rates) cells.push_back(rate_words(of_row));
    table.add(std::move(cells));
  };
  const std::vector<SubsystemView> rows = sorted(view.rows, options.sort);
  for (const SubsystemView& row : rows) {
    if (most-- == 0) break;
    add({printable(row.name), human_bytes(row.resident), growth_words(row.growth_per_second),
         signed_bytes(row.since_start), bytes_or_dash(row.huge), bytes_or_dash(row.swapped)},
        row.*rate);
  }
  add({fmt::format("all {}", rows.size()), bytes_or_dash(view.sum), "", "", "", ""}, {});
  lines.table(table);
}

std::vector<StyledLine> overview(const Watch& watch, const WatchTextOptions& options) {
  constexpr std::size_t kSubsystems = 5;
  constexpr std::size_t kSteps = 2;
  ViewLines lines(options.width);
  add_process_lines(watch, lines);
  add_host_line(watch, lines);
  add_pressure_in_short(watch, lines);
  add_group_line(watch, lines);
  add_rates_line(watch, lines);
  add_subsystems(watch, options, kSubsystems, lines);
  add_next(watch, kSteps, lines);
  add_findings(watch, lines);
  return lines.take();
}

std::vector<StyledLine> process_view(const Watch& watch, const WatchTextOptions& options) {
  ViewLines lines(options.width);
  if (!watch.process) return lines.take();
  const ProcessView& process = *watch.process;
  add_process_lines(watch, lines);
  lines.fact("", fmt::format("mapped {}, shared memory {}, peak {}, since the start {}",
                             bytes_or_dash(process.mapped), bytes_or_dash(process.shared),
                             bytes_or_dash(process.peak), signed_bytes(process.since_start)));
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

std::vector<StyledLine> remarks_view(const Watch& watch, const WatchTextOptions& options) {
  ViewLines lines(options.width);
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

}  // namespace ft::report::text
