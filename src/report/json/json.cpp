#include "report/json/json.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/json/findings.h"
#include "report/json/stages.h"
#include "report/json/values.h"
#include "report/json/working_sets.h"

namespace ft::report::json {

namespace {

using namespace model;

// An object of the items' values under their names.
template <typename Items, typename Key, typename Value>
Json object_of(const Items& items, Key key, Value value) {
  Json object = Json::object();
  for (const auto& item : items) object[key(item)] = value(item);
  return object;
}

template <typename Map>
Json counts_of(const Map& counts) {
  Json object = Json::object();
  for (const auto& [key, count] : counts) {
    if constexpr (std::is_same_v<std::decay_t<decltype(key)>, int>) {
      object[std::to_string(key)] = count;
    } else {
      object[key] = count;
    }
  }
  return object;
}

Json target_of(const Report& report) {
  const Target& target = report.target;
  return {{"command", Json(target.command)}, {"exit_status", or_null(target.exit_status)},
          {"pid", or_null(target.pid)},      {"executable", target.executable},
          {"attached", target.attached},     {"processes", target.processes},
          {"threads", target.threads}};
}

Json host_of(const Report& report) {
  const Host& host = report.host;
  return {{"kernel", host.kernel.empty() ? Json(nullptr) : Json(host.kernel)},
          {"cpu", host.cpu.empty() ? Json(nullptr) : Json(host.cpu)},
          {"nodes", or_null(host.nodes)},
          {"memory_bytes", or_null(host.memory_bytes)},
          {"thp", counts_of(host.thp)}};
}

Json time_of(const Report& report) {
  const Time& time = report.time;
  Json parts = nullptr;
  if (time.kernel_mm) {
    parts = {{"user_faults_ns", time.kernel_mm->user_faults_ns},
             {"kernel_faults_ns", time.kernel_mm->kernel_faults_ns},
             {"calls_ns", time.kernel_mm->calls_ns}};
  }
  return {{"wall_ns", or_null(time.wall_ns)},
          {"user_ns", or_null(time.user_ns)},
          {"system_ns", or_null(time.system_ns)},
          {"waiting_least_ns", or_null(time.idle_least_ns)},
          {"waiting_most_ns", or_null(time.idle_most_ns)},
          {"kernel_mm_ns", time.kernel_mm ? Json(time.kernel_mm->total_ns) : Json(nullptr)},
          {"kernel_mm_parts", std::move(parts)},
          {"memory_calls_ns", or_null(time.calls_gross_ns)},
          {"faults_inside_calls_ns", time.nested_faults_ns},
          {"held_ns", time.held_ns},
          {"phases", array_of(time.phases, [](const Phase& phase) {
             return Json{{"name", phase.name},
                         {"start_ns", phase.start_ns},
                         {"end_ns", or_null(phase.end_ns)},
                         {"faults", or_null(phase.faults)},
                         {"fault_ns", or_null(phase.fault_ns)},
                         {"syscalls", phase.calls},
                         {"syscall_ns", or_null(phase.call_ns)}};
           })}};
}

Json loss_of(const Report& report) {
  Json by_kind = Json::object();
  Json notices = Json::array();
  for (const LossKind& kind : report.loss.kinds) {
    if (kind.severity == "data loss") {
      by_kind[kind.kind] = kind.count;
    } else {
      notices.push_back({{"kind", kind.kind},
                         {"count", kind.count},
                         {"severity", kind.severity},
                         {"meaning", kind.meaning}});
    }
  }
  return {{"total", report.loss.total},
          {"by_kind", std::move(by_kind)},
          {"notices", std::move(notices)},
          {"cut_short", report.loss.cut_short}};
}

Json reconcile_of(const Report& report) {
  return array_of(report.reconcile, [](const ReconcileLine& line) {
    // null: they cannot be compared, and the note says why.
    return Json{{"what", line.what},
                {"recorded", line.recorded},
                {"kernel", line.kernel},
                {"agrees", line.comparable ? Json(line.agrees) : Json(nullptr)},
                {"tolerance", line.tolerance},
                {"unit", line.unit},
                {"note", line.note}};
  });
}

Json syscalls_of(const Report& report) {
  return object_of(
      report.syscalls, [](const SyscallStats& s) { return s.name; },
      [](const SyscallStats& s) {
        return Json{{"count", s.count},
                    {"errors", s.errors},
                    {"total_ns", or_null(s.total_ns)},
                    {"max_ns", or_null(s.max_ns)},
                    {"bytes", s.bytes},
                    {"p50_ns", or_null(s.p50_ns)},
                    {"p99_ns", or_null(s.p99_ns)},
                    {"unfinished", s.unfinished},
                    {"memory", s.memory}};
      });
}

// The same keys whether known or not, so that a script need not look twice.
Json faults_of(const Report& report) {
  Json object;
  const auto put = [&](const char* key, auto member) {
    object[key] = report.faults ? Json((*report.faults).*member) : Json(nullptr);
  };
  put("count", &FaultStats::count);
  put("minor", &FaultStats::minor);
  put("major", &FaultStats::major);
  put("huge", &FaultStats::huge);
  put("total_ns", &FaultStats::total_ns);
  put("p50_ns", &FaultStats::p50_ns);
  put("p99_ns", &FaultStats::p99_ns);
  put("max_ns", &FaultStats::max_ns);
  put("p90_ns", &FaultStats::p90_ns);
  put("p999_ns", &FaultStats::p999_ns);
  put("kernel_mode", &FaultStats::kernel_mode);
  put("unfinished", &FaultStats::unfinished);
  put("quantile_error", &FaultStats::quantile_error);
  if (!report.faults) return object;
  object["classes"] = array_of(report.faults->classes, [](const FaultClass& c) {
    return Json{{"name", c.name},
                {"count", c.count},
                {"total_ns", c.total_ns},
                {"p50_ns", or_null(c.p50_ns)}};
  });
  object["distribution"] = array_of(report.faults->distribution, [](const LatencyBucket& b) {
    return Json{
        {"from_ns", b.from_ns}, {"to_ns", b.to_ns}, {"count", b.count}, {"total_ns", b.total_ns}};
  });
  return object;
}

Json page_allocs_of(const Report& report) {
  if (!report.page_allocs) {
    return {{"by_order", nullptr}, {"by_node", nullptr}, {"page_table", nullptr}};
  }
  const PageAllocs& allocs = *report.page_allocs;
  return {{"by_order", counts_of(allocs.by_order)},
          {"by_node", counts_of(allocs.by_node)},
          {"page_table", allocs.page_table},
          {"by_context", counts_of(allocs.by_context)},
          {"bytes", allocs.bytes}};
}

Json flushes_of(const Report& report) {
  if (!report.tlb_flushes) {
    return {{"by_reason", nullptr}, {"full", nullptr}, {"ranged", nullptr}, {"pages", nullptr}};
  }
  const TlbFlushes& flushes = *report.tlb_flushes;
  return {{"by_reason", counts_of(flushes.by_reason)},
          {"full", flushes.full},
          {"ranged", flushes.ranged},
          {"pages", flushes.pages},
          {"not_needed", flushes.not_needed},
          {"ipis_sent", flushes.ipis_sent}};
}

Json page_tables_of(const Report& report) {
  Json levels = nullptr;
  if (const auto& by_level = report.page_tables.by_level) {
    levels = {{"pte", by_level->pte}, {"pmd", by_level->pmd}, {"pud", by_level->pud}};
  }
  return {{"bytes", or_null(report.page_tables.bytes)}, {"by_level", std::move(levels)}};
}

Json memory_of(const Report& report) {
  const Memory& memory = report.memory;
  return {{"pid", or_null(memory.pid)},
          {"executable", memory.name},
          {"at_ns", or_null(memory.at_ns)},
          {"moment", memory.moment},
          {"reserved_bytes", memory.reserved_bytes},
          {"committed_bytes", memory.committed_bytes},
          {"resident_peak_bytes", or_null(memory.resident_peak_bytes)},
          {"resident_end_bytes", or_null(memory.resident_end_bytes)},
          {"resident_evidence", memory.resident_evidence},
          {"vm_size_bytes", or_null(memory.vm_size)},
          {"vm_rss_bytes", or_null(memory.vm_rss)},
          {"vm_hwm_bytes", or_null(memory.vm_hwm)},
          {"note", memory.note}};
}

Json nodes_of(const std::map<std::uint32_t, Bytes>& nodes) {
  Json object = Json::object();
  for (const auto& [node, bytes] : nodes) object[std::to_string(node)] = bytes;
  return object;
}

Json subsystem_of(const Subsystem& s) {
  return {{"name", s.name},
          {"reserved_bytes", s.reserved_bytes},
          {"committed_bytes", s.committed_bytes},
          {"resident_peak_bytes", or_null(s.resident_peak_bytes)},
          {"resident_end_bytes", or_null(s.resident_end_bytes)},
          {"huge_bytes", or_null(s.huge_bytes)},
          {"nodes", s.node_bytes ? nodes_of(*s.node_bytes) : Json(nullptr)},
          {"faults", or_null(s.faults)},
          {"fault_ns", or_null(s.fault_ns)},
          {"syscalls", s.syscalls},
          {"syscall_ns", or_null(s.syscall_ns)},
          {"evidence", s.evidence},
          {"evidence_bytes", counts_of(s.evidence_bytes)},
          {"resident_evidence", s.resident_evidence},
          {"major_faults", s.major},
          {"huge_faults", s.huge_faults},
          {"details", array_of(s.details, [](const Detail& d) {
             return Json{{"name", d.name},
                         {"reserved_bytes", d.reserved_bytes},
                         {"committed_bytes", d.committed_bytes},
                         {"resident_end_bytes", or_null(d.resident_end_bytes)},
                         {"faults", or_null(d.faults)},
                         {"fault_ns", or_null(d.fault_ns)}};
           })}};
}

Json call_of(const Call& call) {
  return {{"id", call.id},
          {"ts", call.ts},
          {"dur_ns", or_null(call.dur_ns)},
          {"tid", call.tid},
          {"thread", call.thread},
          {"name", call.name},
          {"words", call.words},
          {"caller", call.caller},
          {"subsystem", call.subsystem},
          {"detail", call.detail},
          {"error", call.error.empty() ? Json(nullptr) : Json(call.error)},
          {"address", hex(call.address)},
          {"length", call.length}};
}

Json expensive_fault_of(const ExpensiveFault& fault) {
  return {{"ts", fault.ts},         {"dur_ns", fault.dur_ns},        {"tid", fault.tid},
          {"thread", fault.thread}, {"address", hex(fault.address)}, {"ip", hex(fault.ip)},
          {"words", fault.words},   {"subsystem", fault.subsystem}};
}

Json thread_of(const ThreadSummary& thread) {
  return {{"tid", thread.tid},
          {"pid", thread.pid},
          {"name", thread.name},
          {"start_ns", thread.start_ns},
          {"end_ns", or_null(thread.end_ns)},
          {"syscalls", thread.calls},
          {"syscall_ns", or_null(thread.call_ns)},
          {"faults", or_null(thread.faults)},
          {"fault_ns", or_null(thread.fault_ns)}};
}

Json oom_victim_of(const OomKill& kill) {
  return {{"ts", kill.ts},
          {"pid", kill.pid},
          {"name", kill.name},
          {"why", kill.why},
          {"weighed_bytes", or_null(kill.weighed_bytes)},
          {"oom_score_adj", or_null(kill.score_adj)}};
}

Json shortage_of(const ShortageCost& cost) {
  return {{"subsystem", cost.subsystem},
          {"direct_reclaim_ns", cost.direct_reclaim_ns},
          {"memcg_reclaim_ns", cost.memcg_reclaim_ns},
          {"compaction_ns", cost.compaction_ns},
          {"major_faults", cost.major_faults},
          {"major_fault_ns", cost.major_fault_ns}};
}

Json pressure_of(const Report& report) {
  if (!report.pressure) return nullptr;
  return {{"some_ns", report.pressure->some_ns}, {"full_ns", report.pressure->full_ns}};
}

Json swap_share_of(const SwapShare& share) {
  return {
      {"name", share.subsystem}, {"out_pages", share.out_pages}, {"in_faults", share.in_faults}};
}

Json waits_of(const Report& report) {
  if (!report.waits) return nullptr;
  const Waits& waits = *report.waits;
  const auto wait = [](const Wait& w) {
    return Json{{"count", w.count}, {"total_ns", w.total_ns}, {"max_ns", w.max_ns}};
  };
  return {{"mmap_lock", wait(waits.mmap_lock)},
          {"direct_reclaim", wait(waits.direct_reclaim)},
          {"memcg_reclaim", wait(waits.memcg_reclaim)},
          {"compaction", wait(waits.compaction)},
          {"reclaimed_pages", waits.reclaimed_pages},
          {"kswapd_wakes", waits.kswapd_wakes},
          {"oom_kills", waits.oom_kills},
          {"swap_ins", or_null(waits.swap_ins)},
          {"swap_out_pages", or_null(waits.swap_out_pages)},
          {"swapped", array_of(waits.swapped, swap_share_of)},
          {"thp_collapses", or_null(waits.thp_collapses)},
          {"migrated_pages", or_null(waits.migrated_pages)},
          {"oom_victims", array_of(waits.oom_victims, oom_victim_of)},
          {"shortage", array_of(waits.shortage, shortage_of)}};
}

Json timeline_of(const Report& report) {
  if (!report.timeline) return nullptr;
  return {{"subsystems", Json(report.timeline->subsystems)},
          {"points", array_of(report.timeline->points, [](const TimelinePoint& point) {
             return Json{{"ts", point.ts}, {"resident_bytes", Json(point.resident)}};
           })}};
}

Json summary_of(const Report& report) {
  const Summary& summary = report.summary;
  return {{"warnings", Json(summary.warnings)},
          {"costs", array_of(summary.costs,
                             [](const Cost& cost) {
                               return Json{{"what", cost.what},
                                           {"how", cost.how},
                                           {"ns", cost.ns},
                                           {"share", cost.share}};
                             })},
          {"harmless", Json(summary.harmless)}};
}

}  // namespace

std::string render(const Report& report, Layout layout) {
  Json root;
  root["format"] = report.format;
  root["tool"] = {{"name", "firsttouch"}, {"version", report.tool_version}};
  root["target"] = target_of(report);
  root["host"] = host_of(report);
  root["backend"] = report.backend;
  root["time"] = time_of(report);
  root["loss"] = loss_of(report);
  root["reconcile"] = reconcile_of(report);
  root["syscalls"] = syscalls_of(report);
  root["faults"] = faults_of(report);
  root["page_allocs"] = page_allocs_of(report);
  root["tlb_flushes"] = flushes_of(report);
  root["page_tables"] = page_tables_of(report);
  root["subsystems"] = array_of(report.subsystems, subsystem_of);
  root["unattributed"] = {{"reserved_bytes", report.unattributed.reserved_bytes},
                          {"resident_bytes", or_null(report.unattributed.resident_bytes)}};
  root["memory"] = memory_of(report);
  root["summary"] = summary_of(report);
  root["longest_calls"] = array_of(report.calls, call_of);
  root["longest_faults"] = array_of(report.expensive_faults, expensive_fault_of);
  root["threads"] = array_of(report.threads, thread_of);
  root["stages"] = stages_of(report);
  root["samples"] = samples_of(report);
  root["working_sets"] = working_sets_of(report);
  root["counters"] = counters_of(report);
  root["waits"] = waits_of(report);
  root["pressure"] = pressure_of(report);
  root["resident_over_time"] = timeline_of(report);
  root["contradictions"] = Json(report.contradictions);
  root["findings"] = findings_of(report.findings);
  root["missing"] = array_of(report.missing, [](const Missing& missing) {
    return Json{{"what", missing.what}, {"why", missing.why}};
  });
  constexpr bool kAsciiOnly = true;
  return root.dump(indent_of(layout), ' ', kAsciiOnly, Json::error_handler_t::replace) + "\n";
}

}  // namespace ft::report::json
