#include "perfetto.h"

#include <algorithm>

#include "analysis/subject.h"
#include "analysis/thread_index.h"
#include "attribution/owner_history.h"
#include "host/number_table.h"
#include "host/status.h"

namespace ft::app {

namespace {

using report::perfetto::Counter;

std::vector<Counter> resident_counters(const report::model::Report& report) {
  std::vector<Counter> counters;
  if (!report.timeline) return counters;
  const report::model::Timeline& timeline = *report.timeline;
  for (std::size_t i = 0; i < timeline.subsystems.size(); ++i) {
    Counter counter{.name = "resident: " + timeline.subsystems[i], .points = {}};
    for (const report::model::TimelinePoint& point : timeline.points) {
      counter.points.emplace_back(point.ts, point.resident[i]);
    }
    counters.push_back(std::move(counter));
  }
  return counters;
}

// As the snapshots tell them: few points, each the kernel's own word.
std::vector<Counter> snapshot_counters(const event::Trace& trace, event::Pid pid) {
  Counter tables{.name = "VmPTE", .points = {}};
  Counter free{.name = "MemFree", .of_host = true, .points = {}};
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.pid == pid && snapshot.source == "status") {
      const auto status = host::parse_status(snapshot.text);
      if (status && status->vm_pte) tables.points.emplace_back(snapshot.ts, *status->vm_pte);
    }
    if (snapshot.source == "meminfo") {
      const auto table = host::parse_meminfo(snapshot.text);
      if (!table) continue;
      if (const auto bytes = table->find("MemFree")) free.points.emplace_back(snapshot.ts, *bytes);
    }
  }
  std::vector<Counter> counters;
  for (Counter* counter : {&tables, &free}) {
    std::ranges::stable_sort(counter->points);
    if (!counter->points.empty()) counters.push_back(std::move(*counter));
  }
  return counters;
}

}  // namespace

Result<void> print_perfetto(event::EventSource& source, const report::model::Report& report,
                            const report::perfetto::Write& write) {
  const event::Trace trace = FT_TRY(source.trace());
  const auto owners = attribution::OwnerHistory::build(trace);
  const analysis::ThreadIndex threads(trace.threads);
  const event::Pid pid = analysis::choose_subject(trace, owners).pid;
  std::vector<Counter> counters = resident_counters(report);
  std::ranges::move(snapshot_counters(trace, pid), std::back_inserter(counters));
  return report::perfetto::print(
      {.trace = trace,
       .source = source,
       .pid = pid,
       .counters = std::move(counters),
       .place_at =
           [&](event::Pid process, std::uint64_t address, Nanoseconds ts) {
             report::perfetto::Place place;
             const attribution::Region* region = owners.region_at(process, address, ts);
             if (!region) return place;
             const attribution::Owner& owner = owners.owners()[region->owner];
             place.subsystem = jvm::name_of(owner.subsystem);
             place.detail = owner.detail;
             place.made_by = region->made_by;
             return place;
           },
       .thread_at = [&](event::Tid tid, Nanoseconds ts) { return threads.find(tid, ts); }},
      write);
}

}  // namespace ft::app
