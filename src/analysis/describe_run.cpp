// Who ran, on what, for how long, and what of it was not seen.
#include <sys/wait.h>

#include <algorithm>
#include <map>

#include "analysis/describe.h"
#include "analysis/shortage.h"
#include "base/text.h"

namespace ft::analysis {

namespace {

using report::model::Known;
using report::model::Report;

constexpr std::string_view kThpKeys = "host.thp.";

Known<int> exit_status_of(const event::Process& process) {
  if (process.end_ts == event::kStillThere) return std::nullopt;
  if (WIFSIGNALED(process.wait_status)) return 128 + WTERMSIG(process.wait_status);
  return WEXITSTATUS(process.wait_status);
}

template <typename T>
Known<T> known_number(const event::Trace& trace, const std::string& key) {
  const auto number = meta_number(trace, key);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<T>(*number);
}

const event::Process* target_process(const event::Trace& trace) {
  const auto pid = meta_number(trace, "target.pid");
  for (const event::Process& process : trace.processes) {
    if (pid && process.pid == *pid) return &process;
  }
  return trace.processes.empty() ? nullptr : &trace.processes.front();
}

std::string_view severity_name(event::LossSeverity severity) {
  switch (severity) {
    case event::LossSeverity::Info:
      return "info";
    case event::LossSeverity::Notice:
      return "notice";
    case event::LossSeverity::DataLoss:
      return "data loss";
  }
  return "unknown";
}

std::string why_no_faults(const Passes& passes) {
  const std::string backend = passes.trace.meta_or("backend");
  if (backend == "ptrace") return "the ptrace backend does not see page faults";
  if (backend == "import") return "a log of system calls holds no page faults";
  return "no page faults were recorded";
}

// From the target's exec to its exit, what the recorder held it still for taken off.
Known<Nanoseconds> wall_time(const Passes& passes, const event::Process* target, Nanoseconds held) {
  auto from = meta_number(passes.trace, "target.exec_ts");
  auto to = meta_number(passes.trace, "target.exit_ts");
  if (target && !from && target->exec_ts != event::kStillThere) from = target->exec_ts;
  if (target && !to && target->end_ts != event::kStillThere) to = target->end_ts;
  if (!from || !to || *to < *from) return std::nullopt;
  return std::max<Nanoseconds>(*to - *from - held, 0);
}

void describe_phases(const Passes& passes, Report& report) {
  for (std::size_t i = 0; i < passes.trace.phases.size(); ++i) {
    const event::Phase& from = passes.trace.phases[i];
    report::model::Phase& phase = report.time.phases.emplace_back();
    phase.name = from.name;
    phase.start_ns = from.start_ts;
    if (from.end_ts != event::kStillThere) phase.end_ns = from.end_ts;
    phase.calls = passes.calls_by_phase[i].count;
    if (passes.calls.timed()) phase.call_ns = passes.calls_by_phase[i].net_ns;
    if (passes.faults_seen == FaultsSeen::No) continue;
    phase.faults = passes.faults.by_phase[i].count;
    phase.fault_ns = passes.faults.by_phase[i].ns;
  }
}

// Nobody watches the scheduler. But what the threads ran, all together, fits into the wall time at
// the earliest one after the other and at the most on all processors at once.
void describe_idle(const Passes& passes, Report& report) {
  report::model::Time& time = report.time;
  if (!time.wall_ns || !time.user_ns || !time.system_ns) {
    report.missing.push_back({"time.idle", "wall or processor time is not known"});
    return;
  }
  const auto cpus = known_number<std::uint64_t>(passes.trace, "host.cpus");
  const Nanoseconds ran = *time.user_ns + *time.system_ns;
  const std::uint64_t threads = std::max<std::uint64_t>(report.target.threads, 1);
  const auto at_once = static_cast<Nanoseconds>(
      std::max<std::uint64_t>(std::min(cpus.value_or(threads), threads), 1));
  time.idle_least_ns = std::max<Nanoseconds>(*time.wall_ns - ran, 0);
  time.idle_most_ns = std::max(*time.wall_ns - ran / at_once, *time.idle_least_ns);
}

}  // namespace

void describe_target(const Passes& passes, Report& report) {
  const event::Trace& trace = passes.trace;
  report.backend = trace.meta_or("backend", "unknown");
  report.target.processes = trace.processes.size();
  report.target.threads = trace.threads.size();
  const event::Process* target = target_process(trace);
  if (!target) {
    report.missing.push_back({"target", "the recording has no process"});
    return;
  }
  report.target.pid = target->pid;
  report.target.command = target->command;
  report.target.executable = target->executable;
  report.target.attached = target->present_at_start;
  report.target.exit_status = exit_status_of(*target);
  if (const auto status = meta_number(trace, "target.exit_status")) {
    report.target.exit_status = static_cast<int>(*status);
  }
  if (!report.target.exit_status) {
    report.missing.push_back({"target.exit_status", "its end was not seen"});
  }
}

void describe_host(const Passes& passes, Report& report) {
  const event::Trace& trace = passes.trace;
  report.host.kernel = trace.meta_or("host.kernel");
  report.host.cpu = trace.meta_or("host.cpu");
  report.host.nodes = known_number<std::uint64_t>(trace, "host.nodes");
  report.host.memory_bytes = known_number<std::uint64_t>(trace, "host.memory_bytes");
  for (auto it = trace.meta.lower_bound(std::string(kThpKeys));
       it != trace.meta.end() && it->first.starts_with(kThpKeys); ++it) {
    report.host.thp[it->first.substr(kThpKeys.size())] = it->second;
  }
  if (report.host.kernel.empty()) {
    report.missing.push_back({"host", report.backend == "import"
                                          ? "a log says nothing of the host it was made on"
                                          : "the recording holds no facts about the host"});
  }
}

void describe_loss(const Passes& passes, Report& report) {
  report.loss.cut_short = passes.trace.cut_short;
  for (const event::Loss& loss : passes.trace.losses) {
    report.loss.kinds.push_back(
        {loss.kind, loss.count, std::string(severity_name(loss.severity)), loss.meaning});
    if (loss.severity == event::LossSeverity::DataLoss) report.loss.total += loss.count;
  }
}

void describe_time(const Passes& passes, Report& report) {
  const event::Trace& trace = passes.trace;
  report::model::Time& time = report.time;
  time.held_ns = std::max<Nanoseconds>(meta_number(trace, "target.held_ns").value_or(0), 0);
  time.wall_ns = wall_time(passes, target_process(trace), time.held_ns);
  time.user_ns = known_number<Nanoseconds>(trace, "target.utime_ns");
  time.system_ns = known_number<Nanoseconds>(trace, "target.stime_ns");
  if (!time.wall_ns) report.missing.push_back({"time.wall", "the target's end was not seen"});
  if (!time.user_ns || !time.system_ns) {
    report.missing.push_back({"time.cpu", report.backend == "import"
                                              ? "a log does not hold the target's resource usage"
                                              : "the target was not waited for"});
  }
  describe_idle(passes, report);
  if (passes.calls.timed()) {
    time.calls_gross_ns = passes.calls.total_gross_ns();
    time.nested_faults_ns = passes.calls.total_nested_ns();
  } else {
    report.missing.push_back({"syscalls.time", "the log has no durations (strace -T)"});
  }
  const bool faults = passes.faults_seen == FaultsSeen::Yes;
  if (faults && time.calls_gross_ns) {
    report::model::KernelMm mm;
    mm.user_faults_ns = passes.faults.user_ns;
    mm.kernel_faults_ns = passes.faults.kernel_ns;
    mm.calls_ns = *time.calls_gross_ns - time.nested_faults_ns;
    mm.total_ns = mm.user_faults_ns + mm.kernel_faults_ns + mm.calls_ns;
    time.kernel_mm = mm;
  } else {
    report.missing.push_back(
        {"time.kernel_mm", faults ? "the calls have no durations" : why_no_faults(passes)});
  }
  describe_phases(passes, report);
}

void describe_swap(const Passes& passes, report::model::Waits& waits) {
  if (!watched(passes.trace, "mm_vmscan_write_folio")) return;
  const SwapTraffic::Share total = passes.swap.total();
  waits.swap_out_pages = total.out_pages;
  waits.swap_ins = total.in_faults;
  std::map<jvm::Subsystem, SwapTraffic::Share> by_subsystem;
  for (std::size_t i = 0; i < passes.swap.by_owner().size(); ++i) {
    const SwapTraffic::Share& share = passes.swap.by_owner()[i];
    SwapTraffic::Share& sum =
        by_subsystem[passes.owner(static_cast<attribution::OwnerId>(i)).subsystem];
    sum.out_pages += share.out_pages;
    sum.in_faults += share.in_faults;
  }
  for (const auto& [subsystem, share] : by_subsystem) {
    if (share.out_pages + share.in_faults == 0) continue;
    waits.swapped.push_back({.subsystem = std::string(jvm::name_of(subsystem)),
                             .out_pages = share.out_pages,
                             .in_faults = share.in_faults});
  }
}

void describe_kernel_events(const Passes& passes, Report& report) {
  const bool bpf = passes.is_bpf();
  const std::string why = report.backend == "import"
                              ? "a log of system calls does not hold them"
                              : "the " + report.backend + " backend does not see them";
  if (passes.faults_seen == FaultsSeen::No)
    report.missing.push_back({"faults", why_no_faults(passes)});
  if (bpf || passes.allocs.any())
    report.page_allocs = passes.allocs.counts();
  else
    report.missing.push_back({"page_allocs", why});
  if (bpf || passes.flushes.any())
    report.tlb_flushes = passes.flushes.counts();
  else
    report.missing.push_back({"tlb_flushes", why});
  if (bpf || !passes.trace.mm_events.empty()) {
    report.waits = count_waits(passes.trace);
    report.waits->oom_victims = oom_victims(passes.trace);
    report.waits->shortage = passes.shortage;
    describe_swap(passes, *report.waits);
  } else {
    report.missing.push_back({"waits", why});
  }
  report.pressure = memory_pressure(passes.trace);
  if (!report.pressure) {
    report.missing.push_back(
        {"pressure", "no /proc/pressure/memory of the start and the end was recorded"});
  }
}

void describe_page_tables(const Passes& passes, Report& report) {
  if (passes.subject.status) report.page_tables.bytes = passes.subject.status->vm_pte;
  if (!report.page_tables.bytes) {
    report.missing.push_back({"page_tables.bytes", "no /proc/PID/status was taken at the end"});
  }
  const TouchedPages& pages = passes.residency.pages();
  if (passes.faults_seen == FaultsSeen::No || pages.exhausted()) {
    report.missing.push_back({"page_tables.by_level", passes.faults_seen == FaultsSeen::No
                                                          ? why_no_faults(passes)
                                                          : "too many scattered pages to follow"});
    return;
  }
  const TouchedPages::Levels levels = pages.levels();
  report::model::PageTableLevels known{levels.pte, levels.pmd, levels.pud};
  // An area in memory that no fault was seen in (exec and populate fill pages silently) has a table
  // too.
  if (passes.subject.smaps) {
    std::uint64_t last_block = ~std::uint64_t{0};
    for (const host::SmapsEntry& area : *passes.subject.smaps) {
      const std::uint64_t block = area.vma.range.start / kHugePageSize;
      const AddressRange around{block * kHugePageSize, page_ceil(area.vma.range.end)};
      if (area.counters.rss == 0 || block == last_block || pages.touched_any(around)) continue;
      ++known.pte;
      last_block = block;
    }
  }
  report.page_tables.by_level = known;
}

void describe_threads(const Passes& passes, Report& report) {
  for (std::size_t i = 0; i < passes.trace.threads.size(); ++i) {
    const event::Thread& from = passes.trace.threads[i];
    report::model::ThreadSummary& thread = report.threads.emplace_back();
    thread.tid = from.tid;
    thread.pid = from.pid;
    thread.name = from.name;
    thread.start_ns = from.start_ts;
    if (from.end_ts != event::kStillThere) thread.end_ns = from.end_ts;
    thread.calls = passes.calls_by_thread[i].count;
    if (passes.calls.timed()) thread.call_ns = passes.calls_by_thread[i].net_ns;
    if (passes.faults_seen == FaultsSeen::No) continue;
    thread.faults = passes.faults.by_thread[i].count;
    thread.fault_ns = passes.faults.by_thread[i].ns;
  }
  std::ranges::stable_sort(report.threads, std::ranges::greater{},
                           [](const report::model::ThreadSummary& t) {
                             return t.call_ns.value_or(0) + t.fault_ns.value_or(0);
                           });
}

}  // namespace ft::analysis
