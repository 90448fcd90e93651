#include "analysis/subject.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/text.h"

namespace ft::analysis {

namespace {

using event::kStillThere;
using event::Process;
using event::Snapshot;
using event::SyscallNumber;

bool alive_at(const attribution::Region& region, Nanoseconds ts) {
  return region.from_ts <= ts && (region.to_ts == kStillThere || region.to_ts > ts);
}

// When the process began to end, by the call it ended with or by its death.
Nanoseconds end_of(const event::Trace& trace, const Process& process) {
  Nanoseconds end =
      process.end_ts == kStillThere ? std::numeric_limits<Nanoseconds>::max() : process.end_ts - 1;
  for (const event::Syscall& call : trace.syscalls) {
    if (call.pid == process.pid && call.number == SyscallNumber::ExitGroup &&
        call.ts >= process.start_ts) {
      end = std::min(end, call.ts);
    }
  }
  return end;
}

const Process* target_of(const event::Trace& trace) {
  const auto pid = meta_number(trace, "target.pid");
  for (const Process& process : trace.processes) {
    if (pid && process.pid == *pid) return &process;
  }
  return trace.processes.empty() ? nullptr : &trace.processes.front();
}

std::uint64_t mapped_at(const attribution::OwnerHistory& owners, event::Pid pid, Nanoseconds ts) {
  std::uint64_t bytes = 0;
  for (const attribution::Region& region : owners.regions()) {
    if (region.pid == pid && alive_at(region, ts)) bytes += region.range.size();
  }
  return bytes;
}

const Process* most_mapped(const event::Trace& trace, const attribution::OwnerHistory& owners,
                           const Process* target) {
  // With more processes than this it is a build, not a start; the target stands.
  constexpr std::size_t kMany = 64;
  if (!target || trace.processes.size() > kMany) return target;
  const Process* best = target;
  std::uint64_t most = mapped_at(owners, target->pid, end_of(trace, *target));
  for (const Process& process : trace.processes) {
    if (&process == target || process.exec_ts == kStillThere) continue;
    const std::uint64_t mapped = mapped_at(owners, process.pid, end_of(trace, process));
    if (mapped > 2 * most) {
      most = mapped;
      best = &process;
    }
  }
  return best;
}

const Snapshot* last_snapshot(const event::Trace& trace, event::Pid pid, std::string_view source) {
  const Snapshot* found = nullptr;
  for (const Snapshot& snapshot : trace.snapshots) {
    if (snapshot.pid == pid && snapshot.source == source && snapshot.moment == "end") {
      found = &snapshot;
    }
  }
  return found;
}

template <typename Parse>
auto parsed(const event::Trace& trace, Subject& subject, std::string_view source, Parse parse)
    -> std::optional<typename decltype(parse(std::string_view(), source))::value_type> {
  const Snapshot* snapshot = last_snapshot(trace, subject.pid, source);
  if (!snapshot) return std::nullopt;
  auto result = parse(std::string_view(snapshot->text), source);
  if (!result) {
    subject.unreadable.push_back(result.error().message());
    return std::nullopt;
  }
  subject.end_ts = snapshot->ts;
  subject.moment = "end snapshot";
  return std::move(*result);
}

}  // namespace

Subject choose_subject(const event::Trace& trace, const attribution::OwnerHistory& owners) {
  Subject subject;
  subject.process = most_mapped(trace, owners, target_of(trace));
  if (!subject.process) return subject;
  subject.pid = subject.process->pid;
  subject.end_ts = end_of(trace, *subject.process);
  subject.moment = subject.process->end_ts == kStillThere ? "last event" : "exit";
  subject.status = parsed(trace, subject, "status", host::parse_status);
  subject.maps = parsed(trace, subject, "maps", host::parse_maps);
  subject.smaps = parsed(trace, subject, "smaps", host::parse_smaps);
  return subject;
}

std::vector<attribution::Region> regions_at_end(const Subject& subject,
                                                const attribution::OwnerHistory& owners) {
  std::vector<attribution::Region> regions;
  for (const attribution::Region& region : owners.regions()) {
    if (region.pid == subject.pid && alive_at(region, subject.end_ts)) regions.push_back(region);
  }
  std::ranges::sort(regions, {}, [](const attribution::Region& r) { return r.range.start; });
  return regions;
}

std::optional<std::int64_t> meta_number(const event::Trace& trace, const std::string& key) {
  const auto it = trace.meta.find(key);
  if (it == trace.meta.end()) return std::nullopt;
  return parse_integer<std::int64_t>(it->second);
}

}  // namespace ft::analysis
