#include "analysis/shortage.h"

#include <algorithm>

#include "host/pressure.h"

namespace ft::analysis {

namespace {

using event::MmEvent;
using event::MmEventKind;
using report::model::Known;
using report::model::MemoryStalls;
using report::model::OomKill;

const event::Process* process_of(const event::Trace& trace, event::Tid tid, Nanoseconds ts) {
  event::Pid pid = tid;
  for (const event::Thread& thread : trace.threads) {
    if (thread.tid == tid && thread.start_ts <= ts) pid = thread.pid;
  }
  const event::Process* found = nullptr;
  for (const event::Process& process : trace.processes) {
    if (process.pid == pid && process.start_ts <= ts) found = &process;
  }
  return found;
}

std::string what_was_short(const event::Trace& trace, Nanoseconds kill_ts) {
  const MmEvent* last = nullptr;
  const auto end = [](const MmEvent& event) { return event.ts + event.dur; };
  for (const MmEvent& event : trace.mm_events) {
    const bool reclaim =
        event.kind == MmEventKind::DirectReclaim || event.kind == MmEventKind::MemcgReclaim;
    if (!reclaim || end(event) > kill_ts) continue;
    if (!last || end(event) >= end(*last)) last = &event;
  }
  if (!last) return "not known: nothing that was recorded had tried to reclaim memory before";
  return last->kind == MmEventKind::MemcgReclaim
             ? "the limit of a memory cgroup was reached, and reclaim in it found nothing more"
             : "the host, or the nodes that were allowed, had no memory left to reclaim";
}

std::optional<host::Pressure> pressure_at(const event::Trace& trace, std::string_view moment) {
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.pid != 0 || snapshot.source != "pressure/memory") continue;
    if (snapshot.moment != moment) continue;
    auto parsed = host::parse_pressure(snapshot.text);
    if (parsed) return *parsed;
  }
  return std::nullopt;
}

Nanoseconds grown(const std::optional<host::StallShare>& before,
                  const std::optional<host::StallShare>& after) {
  if (!before || !after || after->total_us < before->total_us) return 0;
  constexpr std::uint64_t kNanosecondsPerMicrosecond = 1000;
  return static_cast<Nanoseconds>((after->total_us - before->total_us) *
                                  kNanosecondsPerMicrosecond);
}

}  // namespace

std::vector<OomKill> oom_victims(const event::Trace& trace) {
  std::vector<OomKill> victims;
  for (const MmEvent& event : trace.mm_events) {
    if (event.kind != MmEventKind::OomVictim) continue;
    OomKill& kill = victims.emplace_back();
    kill.ts = event.ts;
    kill.pid = event.tid;
    if (const event::Process* process = process_of(trace, event.tid, event.ts)) {
      kill.pid = process->pid;
      kill.name = process->executable;
    }
    kill.why = what_was_short(trace, event.ts);
    if (event.value == 0) continue;  // the recorder could not read it
    kill.weighed_bytes = event.value * kPageSize;
    kill.score_adj = static_cast<std::int32_t>(event.detail);
  }
  std::ranges::sort(victims, {}, &OomKill::ts);
  return victims;
}

Known<MemoryStalls> memory_pressure(const event::Trace& trace) {
  const auto before = pressure_at(trace, "start");
  const auto after = pressure_at(trace, "end");
  if (!before || !after || !before->some || !after->some) return std::nullopt;
  return MemoryStalls{.some_ns = grown(before->some, after->some),
                      .full_ns = grown(before->full, after->full)};
}

}  // namespace ft::analysis
