// Counters: what the kernel's perf events counted in each phase, from the recorder's readings.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/describe.h"
#include "base/text.h"

namespace ft::analysis {

namespace {

using report::model::CounterPhase;
using report::model::Counters;
using report::model::CounterValue;
using report::model::ReconcileLine;
using report::model::Report;

// As the kernel gives it; from the beginning on, over all threads.
struct Count {
  std::uint64_t count = 0;
  std::uint64_t enabled = 0;
  std::uint64_t running = 0;
};

struct Reading {
  Nanoseconds ts = 0;
  std::map<std::string, Count, std::less<>> events;
};

Reading reading_of(const event::Snapshot& snapshot) {
  Reading reading;
  reading.ts = snapshot.ts;
  std::string_view rest = snapshot.text;
  while (!rest.empty()) {
    std::string_view line = take_until(rest, '\n');
    const std::string_view name = take_word(line);
    const auto count = parse_integer<std::uint64_t>(take_word(line));
    const auto enabled = parse_integer<std::uint64_t>(take_word(line));
    const auto running = parse_integer<std::uint64_t>(take_word(line));
    if (name.empty() || !count || !enabled || !running) continue;
    reading.events[std::string(name)] = {*count, *enabled, *running};
  }
  return reading;
}

std::vector<Reading> readings_of(const event::Trace& trace) {
  std::vector<Reading> readings;
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.source == "counters") readings.push_back(reading_of(snapshot));
  }
  std::ranges::stable_sort(readings, {}, &Reading::ts);
  return readings;
}

// What came between two readings; `from` may be null: since counting began.
CounterValue value_between(const Reading* from, const Reading& to, const std::string& event) {
  const auto at = to.events.find(event);
  if (at == to.events.end()) return {};
  Count part = at->second;
  if (from) {
    const auto before = from->events.find(event);
    if (before == from->events.end()) return {};
    part.count -= std::min(before->second.count, part.count);
    part.enabled -= std::min(before->second.enabled, part.enabled);
    part.running -= std::min(before->second.running, part.running);
  }
  // Nothing of the target ran in between: then it did not do anything either.
  if (part.enabled == 0) return {.count = part.count, .share_counted = 1};
  if (part.running == 0) return {};
  const double share =
      std::min(static_cast<double>(part.running) / static_cast<double>(part.enabled), 1.0);
  return {
      .count = static_cast<std::uint64_t>(std::llround(static_cast<double>(part.count) / share)),
      .share_counted = share};
}

// The first reading at or after that moment; null: there is none.
const Reading* reading_after(const std::vector<Reading>& readings, Nanoseconds ts) {
  const auto found = std::ranges::lower_bound(readings, ts, {}, &Reading::ts);
  return found == readings.end() ? nullptr : &*found;
}

class PhaseCounts {
 public:
  PhaseCounts(const Passes& passes, const std::vector<Reading>& readings,
              const std::vector<std::string>& events)
      : readings_(readings),
        events_(events),
        attached_(passes.trace.meta_or("target.attached") == "1"),
        begin_(attached_ ? 0 : meta_number(passes.trace, "target.exec_ts").value_or(0)),
        end_(meta_number(passes.trace, "target.exit_ts").value_or(readings.back().ts)) {}

  CounterPhase whole() const {
    CounterPhase all{.name = "all", .start_ns = begin_, .end_ns = readings_.back().ts};
    const Reading* from = attached_ ? &readings_.front() : nullptr;
    for (const std::string& event : events_) {
      all.values.push_back(value_between(from, readings_.back(), event));
    }
    return all;
  }

  // Nothing where no reading was taken near one of its borders.
  std::optional<CounterPhase> of(const event::Phase& phase) const {
    if (phase.end_ts == event::kStillThere || phase.end_ts <= phase.start_ts) return std::nullopt;
    const Reading* to = reading_after(readings_, phase.end_ts);
    // The recorder's last reading comes when the target is gone: nothing was counted since.
    if (!to) to = &readings_.back();
    const Reading* from = nullptr;
    const bool from_the_beginning = !attached_ && phase.start_ts <= begin_;
    if (!from_the_beginning) {
      from = reading_after(readings_, phase.start_ts);
      if (!from || from >= to) return std::nullopt;
      if (too_late(phase, from->ts - phase.start_ts)) return std::nullopt;
    }
    const Nanoseconds late = std::max<Nanoseconds>(to->ts - phase.end_ts, 0);
    // Behind the target's end there is nothing more to count.
    if (phase.end_ts < end_ && too_late(phase, late)) return std::nullopt;
    CounterPhase counted{
        .name = phase.name, .start_ns = phase.start_ts, .end_ns = phase.end_ts, .late_ns = late};
    for (const std::string& event : events_) {
      counted.values.push_back(value_between(from, *to, event));
    }
    return counted;
  }

 private:
  // Readings follow their borders by what it takes to wake the recorder.
  static bool too_late(const event::Phase& phase, Nanoseconds late) {
    constexpr Nanoseconds kAlwaysAllowed = 2'000'000;
    return late > std::max((phase.end_ts - phase.start_ts) / 4, kAlwaysAllowed);
  }

  const std::vector<Reading>& readings_;
  const std::vector<std::string>& events_;
  bool attached_;
  Nanoseconds begin_;
  Nanoseconds end_;
};

// The same faults by the kernel's counter and by the recorded events. Those that exec takes after
// its point of no return are counted and not recorded.
void reconcile_faults(const Passes& passes, const Counters& counters, Report& report) {
  const auto exec = meta_number(passes.trace, "blind.exec_faults");
  if (!report.faults || passes.trace.meta_or("target.attached") == "1") return;
  for (std::size_t i = 0; i < counters.events.size(); ++i) {
    const std::string& event = counters.events[i];
    const bool minor = event == "perf::MINOR-FAULTS";
    if (!minor && event != "perf::MAJOR-FAULTS") continue;
    const CounterValue& value = counters.whole.values[i];
    if (!value.count) continue;
    ReconcileLine line;
    line.what = fmt::format("{} faults against the counter {}", minor ? "minor" : "major", event);
    line.recorded = static_cast<std::int64_t>(minor ? report.faults->minor : report.faults->major);
    line.kernel = static_cast<std::int64_t>(*value.count);
    line.tolerance = exec.value_or(64);
    line.unit = "faults";
    line.note = "the counter also sees faults within exec";
    line.agrees = std::abs(line.recorded - line.kernel) <= line.tolerance;
    report.reconcile.push_back(std::move(line));
  }
}

std::vector<std::string> refused_events(const event::Trace& trace) {
  std::vector<std::string> refused;
  for (const auto& [key, value] : trace.meta) {
    if (key.starts_with("counters.refused.")) refused.push_back(value);
  }
  return refused;
}

std::string why_none(const event::Trace& trace, const std::vector<std::string>& refused) {
  if (!refused.empty()) return refused.front();
  if (trace.meta_or("backend") == "import") return "an imported log holds none";
  return "not recorded";
}

}  // namespace

void describe_counters(const Passes& passes, Report& report) {
  std::vector<std::string> refused = refused_events(passes.trace);
  const std::vector<Reading> readings = readings_of(passes.trace);
  if (readings.empty() || readings.back().events.empty()) {
    report.missing.push_back({"counters", why_none(passes.trace, refused)});
    return;
  }
  Counters counters;
  counters.refused = std::move(refused);
  for (const auto& [name, count] : readings.back().events) counters.events.push_back(name);
  const PhaseCounts counts(passes, readings, counters.events);
  counters.whole = counts.whole();
  for (const event::Phase& phase : passes.trace.phases) {
    if (auto counted = counts.of(phase)) counters.phases.push_back(std::move(*counted));
  }
  reconcile_faults(passes, counters, report);
  report.counters = std::move(counters);
}

}  // namespace ft::analysis
