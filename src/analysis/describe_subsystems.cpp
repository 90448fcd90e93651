// The table of the report: each subsystem's memory, faults, calls and time, and the evidence for
// it.
#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "analysis/describe.h"
#include "analysis/placement.h"
#include "base/text.h"

namespace ft::analysis {

namespace {

using attribution::OwnerId;
using report::model::Bytes;
using report::model::Detail;
using report::model::Report;
using report::model::Subsystem;

struct Gathered {
  Subsystem row;
  FaultShare faults;
  CallShare calls;
  Bytes resident = 0;
  Bytes huge = 0;
  Bytes swapped = 0;
  Bytes resident_by_faults = 0;
  std::map<std::string, Detail> details;
};

using Table = std::array<Gathered, jvm::kSubsystemCount>;

void add_owner(const Passes& passes, OwnerId id, Table& table) {
  const attribution::Owner& owner = passes.owner(id);
  Gathered& to = table[static_cast<std::size_t>(owner.subsystem)];
  const OwnerMemory& memory = passes.memory.by_owner[id];
  const FaultShare& faults = passes.faults.by_owner[id];
  const CallShare& calls = passes.calls_by_owner[id];
  to.row.reserved_bytes += memory.reserved;
  to.row.committed_bytes += memory.committed;
  to.resident += memory.resident;
  to.huge += memory.huge;
  to.swapped += memory.swapped;
  to.resident_by_faults += passes.residency.resident_bytes_of(id);
  to.faults.count += faults.count;
  to.faults.ns += faults.ns;
  to.faults.major += faults.major;
  to.faults.huge += faults.huge;
  to.calls.count += calls.count;
  to.calls.net_ns += calls.net_ns;
  if (memory.reserved > 0) {
    to.row.evidence_bytes[std::string(attribution::name_of(owner.evidence))] += memory.reserved;
  }
  const bool anything = memory.reserved || memory.resident || faults.count || calls.count;
  if (!anything) return;
  Detail& detail = to.details[owner.detail];
  detail.name = owner.detail.empty() ? "(no finer name)" : owner.detail;
  detail.reserved_bytes += memory.reserved;
  detail.committed_bytes += memory.committed;
  detail.resident_end_bytes = detail.resident_end_bytes.value_or(0) + memory.resident;
  detail.faults = detail.faults.value_or(0) + faults.count;
  detail.fault_ns = detail.fault_ns.value_or(0) + faults.ns;
}

// "stack, inherited": most bytes first.
std::string evidence_text(const std::map<std::string, Bytes>& bytes) {
  std::vector<std::pair<Bytes, std::string>> order;
  for (const auto& [name, size] : bytes) order.emplace_back(size, name);
  std::ranges::stable_sort(order, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [size, name] : order) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

void fill_resident(const Passes& passes, PageGroup group, Gathered& from) {
  Subsystem& row = from.row;
  const bool faults =
      passes.faults_seen == FaultsSeen::Yes && !passes.residency.pages().exhausted();
  const Bytes peak_by_faults = passes.residency.pages().peak_of_group(group) * kPageSize;
  switch (passes.memory.source) {
    case ResidentSource::Nothing:
      row.resident_evidence = "not known";
      return;
    case ResidentSource::Faults:
      row.resident_end_bytes = from.resident;
      row.resident_peak_bytes = peak_by_faults;
      row.huge_bytes = passes.residency.pages().huge_bytes_of_group(group);
      row.resident_evidence = "faults alone: pages the kernel mapped without a fault are missing";
      return;
    case ResidentSource::Smaps:
      break;
  }
  row.resident_end_bytes = from.resident;
  row.huge_bytes = from.huge;
  row.swapped_end_bytes = from.swapped;
  row.resident_evidence = "smaps at the end";
  if (!faults) return;
  // What the kernel counts at the end, plus how much higher the faults once stood.
  row.resident_peak_bytes = from.resident + peak_by_faults - from.resident_by_faults;
  row.resident_evidence += "; peak from the faults on top of it";
}

std::vector<Detail> details_of(const Passes& passes, Gathered& from) {
  std::vector<Detail> details;
  if (from.details.size() < 2 && from.details.contains("")) return details;
  for (auto& [name, detail] : from.details) {
    if (passes.memory.source == ResidentSource::Nothing) detail.resident_end_bytes.reset();
    if (passes.faults_seen == FaultsSeen::No) {
      detail.faults.reset();
      detail.fault_ns.reset();
    }
    details.push_back(std::move(detail));
  }
  std::ranges::stable_sort(details, [](const Detail& a, const Detail& b) {
    if (a.reserved_bytes != b.reserved_bytes) return a.reserved_bytes > b.reserved_bytes;
    return a.faults.value_or(0) > b.faults.value_or(0);
  });
  return details;
}

std::optional<Subsystem> finished_row(const Passes& passes, std::size_t index, Gathered& from) {
  const auto group = static_cast<PageGroup>(index);
  Subsystem row = std::move(from.row);
  from.row = {};
  const bool ever_resident = passes.residency.pages().peak_of_group(group) > 0;
  if (!row.reserved_bytes && !from.faults.count && !from.calls.count && !from.resident &&
      !ever_resident) {
    return std::nullopt;
  }
  from.row = std::move(row);
  from.row.name = jvm::kSubsystemNames[index];
  fill_resident(passes, group, from);
  if (passes.faults_seen == FaultsSeen::Yes) {
    from.row.faults = from.faults.count;
    from.row.fault_ns = from.faults.ns;
    from.row.major = from.faults.major;
    from.row.huge_faults = from.faults.huge;
  }
  from.row.syscalls = from.calls.count;
  if (passes.calls.timed()) from.row.syscall_ns = from.calls.net_ns;
  from.row.evidence = evidence_text(from.row.evidence_bytes);
  from.row.details = details_of(passes, from);
  return std::move(from.row);
}

void fill_totals(const Passes& passes, Report& report) {
  report::model::Memory& memory = report.memory;
  const bool resident = passes.memory.source != ResidentSource::Nothing;
  Bytes resident_end = 0;
  for (const Subsystem& row : report.subsystems) {
    memory.reserved_bytes += row.reserved_bytes;
    memory.committed_bytes += row.committed_bytes;
    resident_end += row.resident_end_bytes.value_or(0);
    if (row.name != jvm::name_of(jvm::Subsystem::Unknown)) continue;
    report.unattributed.reserved_bytes = row.reserved_bytes;
    report.unattributed.resident_bytes = row.resident_end_bytes;
  }
  if (!resident) return;
  memory.resident_evidence =
      passes.memory.source == ResidentSource::Smaps ? "smaps" : "faults alone";
  memory.resident_end_bytes = resident_end;
  if (!report.unattributed.resident_bytes) report.unattributed.resident_bytes = 0;
  if (passes.faults_seen == FaultsSeen::No || passes.residency.pages().exhausted()) return;
  const TouchedPages& pages = passes.residency.pages();
  const Bytes above_end = (pages.resident_peak() - pages.resident_pages()) * kPageSize;
  memory.resident_peak_bytes = resident_end + above_end;
}

void describe_memory(const Passes& passes, Report& report) {
  report::model::Memory& memory = report.memory;
  const Subject& subject = passes.subject;
  if (!subject.process) return;
  memory.pid = subject.pid;
  memory.name = subject.process->executable;
  memory.moment = subject.moment;
  if (subject.end_ts != std::numeric_limits<Nanoseconds>::max()) memory.at_ns = subject.end_ts;
  if (subject.status) {
    memory.vm_size = subject.status->vm_size;
    memory.vm_rss = subject.status->vm_rss;
    memory.vm_hwm = subject.status->vm_hwm;
  }
  if (passes.trace.processes.size() > 1) {
    memory.note =
        fmt::format("Memory is of process {} alone; calls, faults and times are of all {}.",
                    subject.pid, passes.trace.processes.size());
  }
  for (const std::string& problem : subject.unreadable) {
    memory.note +=
        fmt::format("{}A snapshot did not parse: {}.", memory.note.empty() ? "" : " ", problem);
  }
  if (passes.memory.source == ResidentSource::Nothing) {
    report.missing.push_back(
        {"subsystems.resident", "no /proc/PID/smaps was taken at the end and no faults were seen"});
  } else if (passes.faults_seen == FaultsSeen::No) {
    report.missing.push_back({"subsystems.resident_peak", "the peak needs the page faults"});
  }
}

}  // namespace

void describe_subsystems(const Passes& passes, Report& report) {
  Table table;
  for (OwnerId id = 0; id < passes.memory.by_owner.size(); ++id) add_owner(passes, id, table);
  const auto placement = placement_at_end(passes);
  for (std::size_t i = 0; i < table.size(); ++i) {
    auto row = finished_row(passes, i, table[i]);
    if (!row) continue;
    if (placement) {
      const auto nodes = placement->find(static_cast<jvm::Subsystem>(i));
      row->node_bytes = nodes == placement->end() ? BytesByNode{} : nodes->second;
    }
    report.subsystems.push_back(std::move(*row));
  }
  if (!placement && passes.subject.status)
    report.missing.push_back({"subsystems.nodes", placement.error().why});
  std::ranges::stable_sort(report.subsystems, std::ranges::greater{}, &Subsystem::reserved_bytes);
  describe_memory(passes, report);
  fill_totals(passes, report);
  const bool followed = passes.faults_seen == FaultsSeen::Yes && passes.subject.process &&
                        !passes.residency.pages().exhausted();
  if (followed) report.timeline = passes.residency.timeline();
  for (const std::string& text : passes.owners.contradictions()) {
    report.contradictions.push_back(text);
  }
}

}  // namespace ft::analysis
