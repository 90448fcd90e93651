// Working sets and counters: what of the memory was used, and what that asks of the TLB.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "report/text/sections.h"
#include "report/text/table.h"

namespace ft::report::text {

namespace {

using namespace model;

// "1,536", "4 to 131"
std::string range_of(std::uint64_t least, std::uint64_t most) {
  if (least == most) return grouped(least);
  return fmt::format("{} to {}", grouped(least), grouped(most));
}

// "0.4", "27"; zero is zero.
std::string times(double value) {
  if (value == 0) return "0";
  if (value < 0.05) return "<0.1";
  return fmt::format("{:.{}f}", value, value < 10 ? 1 : 0);
}

std::string of_reach(const Translations& need) {
  if (!need.of_reach_least || !need.of_reach_most) return "?";
  const std::string least = times(*need.of_reach_least);
  const std::string most = times(*need.of_reach_most);
  return least == most ? least + "x" : fmt::format("{} to {}x", least, most);
}

// "0.6 to 36 ns"
std::string load_cost(const Translations& need) {
  if (!need.lookups || !need.lookups->ns_least || !need.lookups->ns_most) return "?";
  return fmt::format("{} to {} ns", times(*need.lookups->ns_least), times(*need.lookups->ns_most));
}

std::string how_looked(const Page& page) {
  const WorkingSets& sets = *page.report.working_sets;
  const std::string looks = fmt::format(
      "{} of process {}, each about what was used in the {} before. A look took {} (at most {}, {} "
      "in all): reading smaps, then clearing the pages' accessed bits, {} under the lock of the "
      "address space{}. Then each page's translation has to be found in the page tables once more. "
      "No page faults come of it.",
      counted(sets.scans, "look"), sets.pid, human_duration(sets.median_interval_ns),
      human_duration(sets.scan.median_ns), human_duration(sets.scan.most_ns),
      human_duration(sets.scan.total_ns), human_duration(sets.cleared.median_ns),
      sets.evicts ? fmt::format(", then turning stale translations out of the TLBs, {} on the CPUs "
                                "it ran on",
                                human_duration(sets.evicted.median_ns))
                  : std::string());
  return page.wrapped(looks, 2);
}

std::string table_of(const Page& page) {
  const WorkingSets& sets = *page.report.working_sets;
  const bool reach = sets.reach.has_value();
  std::vector<Column> columns = {
      {"subsystem", Align::Left, Cut::Last}, {"peak"}, {"median"}, {"4 KiB pages"}};
  if (reach) columns.push_back({"of reach"});
  columns.push_back({"2 MiB pages"});
  if (reach) {
    columns.push_back({"of reach"});
    columns.push_back({"each load, 4 KiB"});
  }
  Table table(columns);
  const auto add = [&](const WorkingSetOf& row) {
    std::vector<std::string> cells = {row.name, human_bytes(row.peak_bytes),
                                      human_bytes(row.median_bytes),
                                      range_of(row.small.least, row.small.most)};
    if (reach) cells.push_back(of_reach(row.small));
    cells.push_back(range_of(row.large.least, row.large.most));
    if (reach) {
      cells.push_back(of_reach(row.large));
      cells.push_back(load_cost(row.small));
    }
    table.add(std::move(cells));
  };
  for (const WorkingSetOf& row : sets.rows) add(row);
  table.add_rule();
  add(sets.whole);
  return table.render(page.width, page.style);
}

// "38.3 ns, middle half within 31 %"
std::string walk_words(double ns, const std::optional<double>& spread) {
  std::string text = fmt::format("{} ns", times(ns));
  if (spread) text += fmt::format(", its middle half {:.0f} % of that wide", 100 * *spread);
  return text;
}

std::string reach_words(const Page& page) {
  const WorkingSets& sets = *page.report.working_sets;
  if (!sets.reach) {
    return page.wrapped("Reach: " + printable(why_missing(page.report, "working_sets.reach")) + ".",
                        2);
  }
  const TlbReach& reach = *sets.reach;
  std::string text = "Reach (" + printable(reach.source) + "): ";
  text += reach.small_entries
              ? fmt::format("{} translations of 4 KiB", grouped(*reach.small_entries))
              : std::string("of 4 KiB not known");
  if (reach.large_entries) {
    text += fmt::format(", {} of 2 MiB", grouped(*reach.large_entries));
  }
  if (reach.small_walk_ns) {
    text +=
        fmt::format("; a miss takes {}", walk_words(*reach.small_walk_ns, reach.small_walk_spread));
  }
  if (reach.large_walk_ns)
    text += fmt::format(" ({} ns with 2 MiB pages)", times(*reach.large_walk_ns));
  text += ".";
  std::string out = page.wrapped(text, 2);
  if (reach.small_walk_ns) {
    out += page.wrapped(
        "\"each load\" is what a load of the working set at its peak waits for translation, by the "
        "model of the TLB: from a pass line after line, the least, to loads of pages at random "
        "that wait for each other, the most; the walk's spread is in it. Programs lie in between, "
        "and overlap some of it. Each row has the TLB to itself; all share it, as the last row "
        "does.",
        2);
  }
  for (const std::string& note : reach.notes) out += page.wrapped(printable(note), 2);
  return out;
}

std::string counter_cell(const CounterValue& value) {
  return value.count ? grouped(*value.count) : std::string("?");
}

std::string counters_table(const Page& page) {
  const Counters& counters = *page.report.counters;
  std::vector<Column> columns = {{"event", Align::Left, Cut::Last}};
  for (const CounterPhase& phase : counters.phases) columns.push_back({printable(phase.name)});
  columns.push_back({"all"});
  Table table(columns);
  for (std::size_t i = 0; i < counters.events.size(); ++i) {
    std::vector<std::string> cells = {printable(counters.events[i])};
    for (const CounterPhase& phase : counters.phases) {
      cells.push_back(counter_cell(phase.values[i]));
    }
    cells.push_back(counter_cell(counters.whole.values[i]));
    table.add(std::move(cells));
  }
  return table.render(page.width, page.style);
}

std::string counters_words(const Page& page) {
  const Counters& counters = *page.report.counters;
  std::string out;
  Nanoseconds latest = 0;
  for (const CounterPhase& phase : counters.phases) latest = std::max(latest, phase.late_ns);
  if (!counters.phases.empty()) {
    out += page.wrapped(
        fmt::format("Phases are read when the recorder hears of their end, at most {} late.",
                    human_duration(latest)),
        2);
  }
  std::string left_out;
  for (const Phase& phase : page.report.time.phases) {
    const bool counted = std::ranges::any_of(
        counters.phases, [&](const CounterPhase& of) { return of.start_ns == phase.start_ns; });
    if (counted || !phase.end_ns || *phase.end_ns <= phase.start_ns) continue;
    left_out += (left_out.empty() ? "" : ", ") + printable(phase.name);
  }
  if (!left_out.empty()) {
    out += page.wrapped("Left out, for a border was read too late: " + left_out + ".", 2);
  }
  double least = 1;
  for (const CounterValue& value : counters.whole.values) {
    least = std::min(least, value.share_counted);
  }
  if (least < 1) {
    out += page.wrapped(
        fmt::format("The processor counts fewer events at a time: each was counted {:.0f} % of the "
                    "time or more, and is scaled up.",
                    100 * least),
        2);
  }
  for (const std::string& why : counters.refused) {
    out += page.wrapped("Not counted: " + printable(why) + ".", 2);
  }
  return out;
}

}  // namespace

std::string working_sets_section(const Page& page) {
  // Who did not ask for it need not read that it is not there.
  if (!page.report.working_sets) {
    const std::string why = why_missing(page.report, "working_sets");
    if (why.starts_with("not asked for") || why == "not recorded") return {};
    return page.heading("What of it was used") +
           page.wrapped("Not known: " + printable(why) + ".", 2);
  }
  std::string out = page.heading("What of it was used");
  out += how_looked(page);
  out += table_of(page);
  out += reach_words(page);
  for (const std::string& note : page.report.working_sets->notes) {
    out += page.wrapped(printable(note), 2);
  }
  return out;
}

std::string counters_section(const Page& page) {
  std::string out = page.heading("Hardware counters");
  if (!page.report.counters) {
    return out + page.wrapped("TLB misses and page walks were not counted: " +
                                  printable(why_missing(page.report, "counters")) + ".",
                              2);
  }
  return out + counters_table(page) + counters_words(page);
}

}  // namespace ft::report::text
