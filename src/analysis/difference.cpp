#include "analysis/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"

namespace ft::analysis {

namespace {

using namespace report::model;

// Figures of one report, in the order in which they are to be shown.
struct Key {
  std::string group;
  std::string figure;
  std::string unit;
  auto operator<=>(const Key&) const = default;
};
using Figures = std::vector<std::pair<Key, std::uint64_t>>;

class Collector {
 public:
  explicit Collector(const Report& report) : report_(report) {
    add_start();
    add_subsystems();
    add_faults();
    add_calls();
    add_allocations();
  }

  Figures take() && { return std::move(figures_); }

 private:
  template <typename Number>
  void add(std::string_view group, std::string figure, std::string_view unit,
           const Known<Number>& value) {
    if (!value) return;
    figures_.emplace_back(Key{std::string(group), std::move(figure), std::string(unit)},
                          static_cast<std::uint64_t>(std::max<Number>(*value, 0)));
  }
  void add(std::string_view group, std::string figure, std::string_view unit, std::uint64_t value) {
    add(group, std::move(figure), unit, Known<std::uint64_t>(value));
  }

  void add_start() {
    const char* start = "start";
    add(start, "wall time", "ns", report_.time.wall_ns);
    add(start, "user time", "ns", report_.time.user_ns);
    add(start, "system time", "ns", report_.time.system_ns);
    if (report_.time.kernel_mm) {
      add(start, "memory management in the kernel", "ns",
          Known<Nanoseconds>(report_.time.kernel_mm->total_ns));
      add(start, "in memory calls", "ns", Known<Nanoseconds>(report_.time.kernel_mm->calls_ns));
    }
    if (report_.faults) add(start, "page faults", "", report_.faults->count);
    add(start, "resident at the end", "bytes", report_.memory.resident_end_bytes);
    add(start, "resident at its peak", "bytes", report_.memory.vm_hwm);
    add(start, "reserved", "bytes", report_.memory.reserved_bytes);
    add(start, "committed", "bytes", report_.memory.committed_bytes);
    add(start, "page tables", "bytes", report_.page_tables.bytes);
    if (report_.tlb_flushes) {
      add(start, "TLB flushes", "", report_.tlb_flushes->full + report_.tlb_flushes->ranged);
    }
    add(start, "threads", "", report_.target.threads);
    for (const Phase& phase : report_.time.phases) {
      if (!phase.end_ns || *phase.end_ns == phase.start_ns) continue;
      add(start, "phase " + phase.name, "ns", Known<Nanoseconds>(*phase.end_ns - phase.start_ns));
    }
  }

  void add_subsystems() {
    for (const Subsystem& part : report_.subsystems) {
      add(part.name, "reserved", "bytes", part.reserved_bytes);
      add(part.name, "committed", "bytes", part.committed_bytes);
      add(part.name, "resident at its peak", "bytes", part.resident_peak_bytes);
      add(part.name, "resident at the end", "bytes", part.resident_end_bytes);
      add(part.name, "in huge pages", "bytes", part.huge_bytes);
      add(part.name, "swapped", "bytes", part.swapped_end_bytes);
      add(part.name, "page faults", "", part.faults);
      add(part.name, "time in page faults", "ns", part.fault_ns);
      add(part.name, "memory calls", "", part.syscalls);
      add(part.name, "time in memory calls", "ns", part.syscall_ns);
    }
  }

  void add_faults() {
    if (!report_.faults) return;
    const FaultStats& faults = *report_.faults;
    add("faults", "major", "", faults.major);
    add("faults", "huge", "", faults.huge);
    add("faults", "median latency", "ns", Known<Nanoseconds>(faults.p50_ns));
    add("faults", "99th percentile of latency", "ns", Known<Nanoseconds>(faults.p99_ns));
    for (const FaultClass& one : faults.classes) {
      add("faults", one.name, "", one.count);
      add("faults", one.name + ", time", "ns", Known<Nanoseconds>(one.total_ns));
    }
  }

  void add_calls() {
    for (const SyscallStats& call : report_.syscalls) {
      add(call.name, "calls", "", call.count);
      add(call.name, "errors", "", call.errors);
      add(call.name, "time", "ns", call.total_ns);
      add(call.name, "bytes", "bytes", call.bytes);
    }
  }

  void add_allocations() {
    if (!report_.page_allocs) return;
    for (const auto& [order, count] : report_.page_allocs->by_order) {
      add("page allocations", fmt::format("order {}", order), "", count);
    }
  }

  const Report& report_;
  Figures figures_;
};

Spread spread_of(std::vector<std::uint64_t> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  const std::uint64_t median = values.size() % 2 == 1
                                   ? values[middle]
                                   : values[middle - 1] + (values[middle] - values[middle - 1]) / 2;
  return {values.size(), median, values.front(), values.back()};
}

Verdict verdict_of(const Spread& before, const Spread& after) {
  if (before.runs == 0 || after.runs == 0) return Verdict::Unknown;
  if (after.least > before.most) return Verdict::More;
  if (after.most < before.least) return Verdict::Less;
  return Verdict::Same;
}

// 2 in (n+m choose n): either group could be the higher one.
double chance_of(std::size_t n, std::size_t m) {
  double ways = 1;
  for (std::size_t i = 1; i <= n; ++i) {
    ways *= static_cast<double>(m + i) / static_cast<double>(i);
  }
  return std::min(1.0, 2 / ways);
}

// A part or call that a run does not list was not there: zero. Unless the run could not know: then
// no run of its group would list the figure of any part.
class Groups {
 public:
  void add(Figures figures, bool after) {
    Figures& into = after ? after_.emplace_back() : before_.emplace_back();
    into = std::move(figures);
    for (const auto& [key, value] : into) {
      if (known_keys_.insert(key).second) order_.push_back(key);
      known_figures_[after].insert(key.figure);
    }
  }

  std::vector<DifferenceRow> rows() const {
    std::vector<DifferenceRow> rows;
    for (const Key& key : order_) {
      DifferenceRow row{.group = key.group, .figure = key.figure, .unit = key.unit};
      row.before = spread_of(values_of(before_, key, known_figures_[0]));
      row.after = spread_of(values_of(after_, key, known_figures_[1]));
      row.verdict = verdict_of(row.before, row.after);
      row.change = static_cast<std::int64_t>(row.after.median) -
                   static_cast<std::int64_t>(row.before.median);
      if (row.verdict == Verdict::Unknown) row.change = 0;
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  static std::vector<std::uint64_t> values_of(const std::vector<Figures>& group, const Key& key,
                                              const std::set<std::string>& known) {
    std::vector<std::uint64_t> values;
    for (const Figures& figures : group) {
      const auto found = std::ranges::find(figures, key, &Figures::value_type::first);
      if (found != figures.end()) {
        values.push_back(found->second);
      } else if (key.group != "start" && known.contains(key.figure)) {
        values.push_back(0);
      }
    }
    return values;
  }

  std::vector<Figures> before_;
  std::vector<Figures> after_;
  std::set<Key> known_keys_;
  std::vector<Key> order_;
  std::array<std::set<std::string>, 2> known_figures_;
};

std::string command_of(const Report& report) {
  std::string text;
  for (const std::string& word : report.target.command) {
    if (!text.empty()) text += " ";
    text += word;
  }
  return text;
}

std::map<std::string, std::string> settings_of(const Report& report) {
  std::map<std::string, std::string> settings = {
      {"command", command_of(report)},
      {"executable", report.target.executable},
      {"backend", report.backend},
      {"kernel", report.host.kernel},
      {"cpu", report.host.cpu},
      {"memory of the host",
       report.host.memory_bytes ? human_bytes(*report.host.memory_bytes) : std::string()},
      {"nodes", report.host.nodes ? std::to_string(*report.host.nodes) : std::string()}};
  for (const auto& [name, value] : report.host.thp) settings["thp." + name] = value;
  return settings;
}

std::map<std::string, std::string> common_settings(std::span<const NamedReport> group) {
  std::map<std::string, std::string> common = settings_of(group.front().report);
  for (const NamedReport& run : group.subspan(1)) {
    for (const auto& [name, value] : settings_of(run.report)) {
      const auto [there, is_new] = common.try_emplace(name, value);
      if (!is_new && there->second != value) there->second = "differs";
    }
  }
  return common;
}

std::vector<Setting> changed_settings(std::span<const NamedReport> before,
                                      std::span<const NamedReport> after) {
  std::map<std::string, std::string> old = common_settings(before);
  std::vector<Setting> changed;
  for (const auto& [name, value] : common_settings(after)) {
    if (old[name] != value) changed.push_back({name, old[name], value});
    old.erase(name);
  }
  for (const auto& [name, value] : old) {
    if (!value.empty()) changed.push_back({name, value, ""});
  }
  return changed;
}

Nanoseconds cost_of(const Report& report) {
  if (report.time.kernel_mm) return report.time.kernel_mm->total_ns;
  return report.time.wall_ns.value_or(0);
}

}  // namespace

std::size_t typical_run(std::span<const NamedReport> group) {
  FT_CHECK(!group.empty());
  std::vector<std::size_t> order(group.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return cost_of(group[i].report); });
  return order[(order.size() - 1) / 2];
}

Difference difference_of(std::span<const NamedReport> before, std::span<const NamedReport> after) {
  FT_CHECK(!before.empty() && !after.empty());
  Difference difference;
  Groups groups;
  const auto take = [&](std::span<const NamedReport> group, std::vector<std::string>& names,
                        bool is_after) {
    for (const NamedReport& run : group) {
      names.push_back(run.name);
      groups.add(Collector(run.report).take(), is_after);
      if (run.report.loss.cut_short) difference.warnings.push_back(run.name + " was cut short");
      if (run.report.loss.total != 0) {
        difference.warnings.push_back(
            fmt::format("{} lost {} events", run.name, grouped(run.report.loss.total)));
      }
    }
  };
  take(before, difference.before, false);
  take(after, difference.after, true);
  difference.rows = groups.rows();
  difference.settings = changed_settings(before, after);
  difference.chance = chance_of(before.size(), after.size());
  return difference;
}

}  // namespace ft::analysis
