#include "analysis/summary.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "analysis/call_words.h"
#include "base/text.h"

namespace ft::analysis {

namespace {

using report::model::Cost;
using report::model::Report;
using report::model::Subsystem;

constexpr std::size_t kCosts = 5;

std::string in_sentence(const std::string& subsystem) {
  return subsystem == "Unknown" ? "memory of unknown owner" : "the " + subsystem;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(count), count == 1 ? one : many);
}

std::string percent(double share) {
  return share < 0.001 ? std::string("less than 0.1 %") : fmt::format("{:.1f} %", 100 * share);
}

void add_fault_cost(std::vector<Cost>& costs, const Subsystem& s, double whole) {
  if (s.fault_ns.value_or(0) <= 0 || s.faults.value_or(0) == 0) return;
  Cost cost;
  cost.what = "page faults in " + in_sentence(s.name);
  const auto each = *s.fault_ns / static_cast<Nanoseconds>(*s.faults);
  cost.how =
      fmt::format("{}, {} each", counted(*s.faults, "fault", "faults"), human_duration(each));
  if (s.huge_faults) cost.how += fmt::format(", {} of them 2 MiB", grouped(s.huge_faults));
  if (s.major) cost.how += fmt::format(", {} waited for storage", grouped(s.major));
  cost.ns = *s.fault_ns;
  cost.share = static_cast<double>(cost.ns) / whole;
  costs.push_back(std::move(cost));
}

void add_call_cost(std::vector<Cost>& costs, const Subsystem& s, double whole) {
  if (s.syscall_ns.value_or(0) <= 0 || s.syscalls == 0) return;
  Cost cost;
  cost.what = "memory calls for " + in_sentence(s.name);
  const auto each = *s.syscall_ns / static_cast<Nanoseconds>(s.syscalls);
  cost.how = fmt::format("{}, {} each", counted(s.syscalls, "call", "calls"), human_duration(each));
  cost.ns = *s.syscall_ns;
  cost.share = static_cast<double>(cost.ns) / whole;
  costs.push_back(std::move(cost));
}

std::vector<Cost> largest_costs(const Report& report) {
  Nanoseconds whole = 0;
  for (const Subsystem& s : report.subsystems) {
    whole += s.fault_ns.value_or(0) + s.syscall_ns.value_or(0);
  }
  std::vector<Cost> costs;
  if (whole <= 0) return costs;
  for (const Subsystem& s : report.subsystems) {
    add_fault_cost(costs, s, static_cast<double>(whole));
    add_call_cost(costs, s, static_cast<double>(whole));
  }
  std::ranges::stable_sort(costs, std::ranges::greater{}, &Cost::ns);
  if (costs.size() > kCosts) costs.resize(kCosts);
  return costs;
}

// The largest reservation: the number people fear, and what it really was.
void add_largest_reserve(Report& report, const event::Trace& trace) {
  const event::Syscall* largest = nullptr;
  for (const event::Syscall& call : trace.syscalls) {
    if (!reserves(call) || call.length() < 256 * kMiB) continue;
    if (!largest || call.length() > largest->length()) largest = &call;
  }
  if (!largest) return;
  const std::string size = human_bytes(largest->length());
  report.summary.harmless.push_back(
      largest->dur < 0
          ? fmt::format("Reserving {} took address space only: no memory, no page table.", size)
          : fmt::format("Reserving {} took {} and no memory: an mmap with PROT_NONE only notes the "
                        "range.",
                        size, human_duration(largest->dur)));
}

void add_largest_commit(Report& report, const event::Trace& trace) {
  const event::Syscall* largest = nullptr;
  for (const event::Syscall& call : trace.syscalls) {
    const bool commits = call.number == event::SyscallNumber::Mmap && !call.failed() &&
                         (call.flags() & MAP_FIXED) && (call.flags() & MAP_ANONYMOUS) &&
                         (call.prot() & PROT_WRITE) && !(call.flags() & MAP_POPULATE);
    if (!commits || call.length() < 16 * kMiB) continue;
    if (!largest || call.length() > largest->length()) largest = &call;
  }
  if (!largest || largest->dur < 0) return;
  report.summary.harmless.push_back(fmt::format(
      "Committing {} took {}: the pages come later, one fault at a time, when they are touched.",
      human_bytes(largest->length()), human_duration(largest->dur)));
}

void add_virtual_size(Report& report) {
  const report::model::Memory& memory = report.memory;
  if (!memory.resident_end_bytes || memory.reserved_bytes < kGiB) return;
  if (memory.reserved_bytes < 4 * *memory.resident_end_bytes) return;
  report.summary.harmless.push_back(
      fmt::format("{} are mapped, {} ({}) are in memory at the end: the rest costs nothing.",
                  human_bytes(memory.reserved_bytes), human_bytes(*memory.resident_end_bytes),
                  percent(static_cast<double>(*memory.resident_end_bytes) /
                          static_cast<double>(memory.reserved_bytes))));
}

void add_warnings(Report& report) {
  std::vector<std::string>& warnings = report.summary.warnings;
  if (report.loss.cut_short) {
    warnings.push_back(
        "The recording was cut short: the recorder was killed. What came after is missing, and "
        "every total here is a lower bound.");
  }
  if (report.loss.total > 0) {
    std::string kinds;
    for (const report::model::LossKind& kind : report.loss.kinds) {
      if (kind.count == 0 || kind.severity != "data loss") continue;
      kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", grouped(kind.count), kind.kind);
    }
    warnings.push_back(fmt::format("{} were lost ({}): the figures below are too small by them.",
                                   counted(report.loss.total, "event", "events"), kinds));
  }
  for (const report::model::ReconcileLine& line : report.reconcile) {
    if (line.agrees || !line.comparable || line.what == "events lost") continue;
    warnings.push_back(fmt::format("Does not reconcile: {}: {} here, {} there.", line.what,
                                   grouped(static_cast<std::uint64_t>(line.recorded)),
                                   grouped(static_cast<std::uint64_t>(line.kernel))));
  }
}

}  // namespace

void summarise(Report& report, const event::Trace& trace) {
  add_warnings(report);
  report.summary.costs = largest_costs(report);
  add_largest_reserve(report, trace);
  add_largest_commit(report, trace);
  add_virtual_size(report);
}

}  // namespace ft::analysis
