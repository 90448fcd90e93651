#include "report/csv/csv.h"

#include "report/csv/rows.h"

namespace ft::report::csv {

namespace {

using namespace model;

std::string subsystems(const Report& report) {
  Rows rows(
      "name,reserved_bytes,committed_bytes,resident_peak_bytes,resident_end_bytes,huge_bytes,"
      "faults,"
      "fault_ns,syscalls,syscall_ns,evidence");
  for (const Subsystem& s : report.subsystems) {
    rows.add(s.name, s.reserved_bytes, s.committed_bytes, s.resident_peak_bytes,
             s.resident_end_bytes, s.huge_bytes, s.faults, s.fault_ns, s.syscalls, s.syscall_ns,
             s.evidence);
  }
  return rows.take();
}

std::string syscalls(const Report& report) {
  Rows rows("name,count,errors,unfinished,total_ns,p50_ns,p99_ns,max_ns,bytes,memory");
  for (const SyscallStats& s : report.syscalls) {
    rows.add(s.name, s.count, s.errors, s.unfinished, s.total_ns, s.p50_ns, s.p99_ns, s.max_ns,
             s.bytes, s.memory);
  }
  return rows.take();
}

std::string calls(const Report& report) {
  Rows rows("id,ts,dur_ns,tid,thread,name,words,address,length,error,subsystem,detail,caller");
  for (const Call& c : report.calls) {
    rows.add(c.id, c.ts, c.dur_ns, c.tid, c.thread, c.name, c.words, hex(c.address), c.length,
             c.error, c.subsystem, c.detail, c.caller);
  }
  return rows.take();
}

std::string faults(const Report& report) {
  Rows rows("ts,dur_ns,tid,thread,address,ip,kind,subsystem");
  for (const ExpensiveFault& f : report.expensive_faults) {
    rows.add(f.ts, f.dur_ns, f.tid, f.thread, hex(f.address), hex(f.ip), f.words, f.subsystem);
  }
  return rows.take();
}

std::string threads(const Report& report) {
  Rows rows("tid,pid,name,start_ns,end_ns,syscalls,syscall_ns,faults,fault_ns");
  for (const ThreadSummary& t : report.threads) {
    rows.add(t.tid, t.pid, t.name, t.start_ns, t.end_ns, t.calls, t.call_ns, t.faults, t.fault_ns);
  }
  return rows.take();
}

std::string phases(const Report& report) {
  Rows rows("name,start_ns,end_ns,faults,fault_ns,syscalls,syscall_ns");
  for (const Phase& p : report.time.phases) {
    rows.add(p.name, p.start_ns, p.end_ns, p.faults, p.fault_ns, p.calls, p.call_ns);
  }
  return rows.take();
}

std::string reconcile(const Report& report) {
  Rows rows("what,recorded,kernel,agrees,tolerance,unit,note");
  for (const ReconcileLine& l : report.reconcile) {
    const std::string_view verdict = l.agrees ? "true" : "false";
    rows.add(l.what, l.recorded, l.kernel, l.comparable ? verdict : std::string_view(), l.tolerance,
             l.unit, l.note);
  }
  return rows.take();
}

std::string working_sets(const Report& report) {
  Rows rows(
      "name,peak_bytes,median_bytes,peak_at_ns,translations_4k,translations_2m_least,"
      "translations_2m_most");
  if (!report.working_sets) return rows.take();
  const auto add = [&](const WorkingSetOf& row) {
    rows.add(row.name, row.peak_bytes, row.median_bytes, row.peak_at_ns, row.small.most,
             row.large.least, row.large.most);
  };
  for (const WorkingSetOf& row : report.working_sets->rows) add(row);
  add(report.working_sets->whole);
  return rows.take();
}

std::string working_set_times(const Report& report) {
  Rows rows("ts,interval_ns,name,referenced_bytes");
  if (!report.working_sets) return rows.take();
  for (const WorkingSetPoint& point : report.working_sets->points) {
    for (std::size_t i = 0; i < point.bytes.size(); ++i) {
      rows.add(point.ts, point.interval_ns, report.working_sets->subsystems[i], point.bytes[i]);
    }
  }
  return rows.take();
}

std::string counters(const Report& report) {
  Rows rows("phase,start_ns,end_ns,event,count");
  if (!report.counters) return rows.take();
  const auto add = [&](const CounterPhase& phase) {
    for (std::size_t i = 0; i < phase.values.size(); ++i) {
      rows.add(phase.name, phase.start_ns, phase.end_ns, report.counters->events[i],
               phase.values[i].count);
    }
  };
  for (const CounterPhase& phase : report.counters->phases) add(phase);
  add(report.counters->whole);
  return rows.take();
}

}  // namespace

std::optional<Table> table_named(std::string_view name) {
  for (std::size_t i = 0; i < kTableNames.size(); ++i) {
    if (kTableNames[i] == name) return static_cast<Table>(i);
  }
  return std::nullopt;
}

std::string render(const Report& report, Table table) {
  switch (table) {
    case Table::Subsystems:
      return subsystems(report);
    case Table::Syscalls:
      return syscalls(report);
    case Table::Calls:
      return calls(report);
    case Table::Faults:
      return faults(report);
    case Table::Threads:
      return threads(report);
    case Table::Phases:
      return phases(report);
    case Table::Reconcile:
      return reconcile(report);
    case Table::WorkingSets:
      return working_sets(report);
    case Table::WorkingSetTimes:
      return working_set_times(report);
    case Table::Counters:
      return counters(report);
  }
  return {};
}

}  // namespace ft::report::csv
