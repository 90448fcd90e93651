#include "report/text/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "report/text/table.h"

namespace ft::report::text {

namespace {

using namespace model;

constexpr std::size_t kThreadsShown = 12;
constexpr std::size_t kDetailsShown = 12;

std::string not_known(const Page& page, std::string_view what, const std::string& key) {
  return page.wrapped(
      fmt::format("{}: not known: {}", what, printable(why_missing(page.report, key))), 2);
}

std::string at(Nanoseconds ts) {
  return "+" + human_duration(ts);
}

std::string thread_label(const std::string& name, std::int32_t tid) {
  return name.empty() ? std::to_string(tid) : fmt::format("{} {}", printable(name), tid);
}

std::string subsystem_table(const Page& page) {
  const Report& report = page.report;
  Table table({{"subsystem", Align::Left, Cut::Last},
               {"mapped"},
               {"committed"},
               {"peak"},
               {"at end"},
               {"faults"},
               {"fault time"},
               {"calls"},
               {"call time"}});
  const auto cell = [](const auto& known, auto shown) {
    return known ? shown(*known) : std::string("?");
  };
  Count faults = 0;
  Nanoseconds fault_ns = 0;
  Count calls = 0;
  Nanoseconds call_ns = 0;
  for (const Subsystem& s : report.subsystems) {
    table.add({s.name, human_bytes(s.reserved_bytes), human_bytes(s.committed_bytes),
               cell(s.resident_peak_bytes, human_bytes), cell(s.resident_end_bytes, human_bytes),
               cell(s.faults, grouped), cell(s.fault_ns, human_duration), grouped(s.syscalls),
               cell(s.syscall_ns, human_duration)});
    faults += s.faults.value_or(0);
    fault_ns += s.fault_ns.value_or(0);
    calls += s.syscalls;
    call_ns += s.syscall_ns.value_or(0);
  }
  table.add_rule();
  const Memory& memory = report.memory;
  table.add({"all", human_bytes(memory.reserved_bytes), human_bytes(memory.committed_bytes),
             cell(memory.resident_peak_bytes, human_bytes),
             cell(memory.resident_end_bytes, human_bytes), report.faults ? grouped(faults) : "?",
             report.faults ? human_duration(fault_ns) : "?", grouped(calls),
             report.time.calls_gross_ns ? human_duration(call_ns) : "?"});
  return table.render(page.width, page.style);
}

std::string subsystem_remarks(const Page& page) {
  std::string out;
  const auto remark = [&](std::string_view what, const std::string& key) {
    const bool missing =
        std::ranges::any_of(page.report.missing, [&](const Missing& m) { return m.what == key; });
    if (missing) out += not_known(page, what, key);
  };
  remark("peak, at end", "subsystems.resident");
  remark("peak", "subsystems.resident_peak");
  remark("faults, fault time", "faults");
  remark("call time", "syscalls.time");
  if (!page.report.memory.note.empty()) out += page.wrapped(printable(page.report.memory.note), 2);
  if (page.report.memory.resident_peak_bytes) {
    out += page.wrapped(
        "Peaks are each subsystem's own and need not fall together: they do not add up.", 2);
  }
  return page.style(Style::Faint, out);
}

std::string detail_table(const Page& page) {
  struct Row {
    const Subsystem* subsystem;
    const Detail* detail;
  };
  std::vector<Row> rows;
  for (const Subsystem& s : page.report.subsystems) {
    for (const Detail& d : s.details) rows.push_back({&s, &d});
  }
  if (rows.empty()) return {};
  std::ranges::stable_sort(rows, [](const Row& a, const Row& b) {
    const auto weight = [](const Row& row) {
      return std::pair(row.detail->fault_ns.value_or(0), row.detail->reserved_bytes);
    };
    return weight(a) > weight(b);
  });
  Table table({{"finer", Align::Left, Cut::Last},
               {"mapped"},
               {"committed"},
               {"at end"},
               {"faults"},
               {"fault time"}});
  for (std::size_t i = 0; i < std::min(rows.size(), kDetailsShown); ++i) {
    const Detail& d = *rows[i].detail;
    table.add({rows[i].subsystem->name + " / " + printable(d.name), human_bytes(d.reserved_bytes),
               human_bytes(d.committed_bytes),
               d.resident_end_bytes ? human_bytes(*d.resident_end_bytes) : "?",
               d.faults ? grouped(*d.faults) : "?",
               d.fault_ns ? human_duration(*d.fault_ns) : "?"});
  }
  std::string out = "\n" + table.render(page.width, page.style);
  if (rows.size() > kDetailsShown) {
    out += page.style(Style::Faint, fmt::format("  and {} more (--format json lists all)",
                                                rows.size() - kDetailsShown)) +
           "\n";
  }
  return out;
}

std::string phase_table(const Page& page) {
  if (page.report.time.phases.empty()) return {};
  Table table({{"phase", Align::Left, Cut::Last},
               {"from"},
               {"took"},
               {"faults"},
               {"fault time"},
               {"calls"},
               {"call time"}});
  for (const Phase& phase : page.report.time.phases) {
    table.add({printable(phase.name), at(phase.start_ns),
               phase.end_ns ? human_duration(*phase.end_ns - phase.start_ns) : "not ended",
               phase.faults ? grouped(*phase.faults) : "?",
               phase.fault_ns ? human_duration(*phase.fault_ns) : "?", grouped(phase.calls),
               phase.call_ns ? human_duration(*phase.call_ns) : "?"});
  }
  return page.heading("Phases of the start") + table.render(page.width, page.style);
}

std::string bar(double share, std::size_t width) {
  std::string out;
  for (double filled = share * static_cast<double>(width); filled >= 0.5; filled -= 1) out += "█";
  return out;
}

std::string distribution(const Page& page, const FaultStats& faults) {
  Table table({{"latency", Align::Left}, {"faults"}, {"time"}, {"", Align::Left}});
  Count most = 1;
  for (const LatencyBucket& b : faults.distribution) most = std::max(most, b.count);
  for (const LatencyBucket& b : faults.distribution) {
    table.add({fmt::format("{} to {}", human_duration(b.from_ns), human_duration(b.to_ns)),
               grouped(b.count), human_duration(b.total_ns),
               bar(static_cast<double>(b.count) / static_cast<double>(most), 40)});
  }
  return "\n" + table.render(page.width, page.style);
}

}  // namespace

std::string memory_section(const Page& page) {
  std::string out;
  if (!page.report.subsystems.empty()) {
    out += page.heading("By subsystem") + subsystem_table(page) + subsystem_remarks(page) +
           detail_table(page);
  }
  return out + phase_table(page);
}

std::string calls_section(const Page& page) {
  const Report& report = page.report;
  std::string out = page.heading("System calls");
  Table table({{"call", Align::Left},
               {"count"},
               {"errors"},
               {"total"},
               {"median"},
               {"p99"},
               {"longest"},
               {"bytes"}});
  for (const SyscallStats& s : report.syscalls) {
    if (s.count == 0) continue;
    const auto time = [&](const Known<Nanoseconds>& ns) { return ns ? human_duration(*ns) : "?"; };
    table.add({s.name, grouped(s.count), grouped(s.errors), time(s.total_ns), time(s.p50_ns),
               time(s.p99_ns), time(s.max_ns), s.bytes ? human_bytes(s.bytes) : ""});
  }
  out += table.empty() ? std::string("  none\n") : table.render(page.width, page.style);
  if (report.calls.empty()) return out;
  out += page.heading("Longest memory calls");
  Table longest({{"call"},
                 {"at"},
                 {"took"},
                 {"what", Align::Left, Cut::Last},
                 {"for", Align::Left, Cut::First},
                 {"thread", Align::Left, Cut::First}});
  for (const Call& call : report.calls) {
    const std::string detail = call.detail.empty() ? "" : " / " + printable(call.detail);
    const std::string error = call.error.empty() ? "" : " (" + call.error + ")";
    longest.add({std::to_string(call.id), at(call.ts), time_or_unknown(call.dur_ns),
                 printable(call.words) + error, call.subsystem + detail,
                 thread_label(call.thread, call.tid)});
  }
  return out + longest.render(page.width, page.style);
}

std::string faults_section(const Page& page) {
  std::string out = page.heading("Page faults");
  if (!page.report.faults) return out + not_known(page, "page faults", "faults");
  const FaultStats& faults = *page.report.faults;
  out += page.wrapped(
      fmt::format("{} ({} minor, {} major; {} brought a 2 MiB page, {} inside the kernel), {} "
                  "together. {} more ended in a signal or never.",
                  counted(faults.count, "fault"), grouped(faults.minor), grouped(faults.major),
                  grouped(faults.huge), grouped(faults.kernel_mode),
                  human_duration(faults.total_ns), grouped(faults.unfinished)),
      2);
  if (faults.count == 0) return out;
  out +=
      page.wrapped(fmt::format("Half took at most {}, 90 % {}, 99 % {}, 99.9 % {}, the longest {}.",
                               human_duration(faults.p50_ns), human_duration(faults.p90_ns),
                               human_duration(faults.p99_ns), human_duration(faults.p999_ns),
                               human_duration(faults.max_ns)),
                   2);
  Table classes({{"kind", Align::Left, Cut::Last}, {"faults"}, {"time"}, {"median"}});
  for (const FaultClass& c : faults.classes) {
    classes.add({c.name, grouped(c.count), human_duration(c.total_ns), time_or_unknown(c.p50_ns)});
  }
  out += "\n" + classes.render(page.width, page.style) + distribution(page, faults);
  if (page.report.expensive_faults.empty()) return out;
  out += page.heading("Longest page faults");
  Table longest({{"at"},
                 {"took"},
                 {"address"},
                 {"what", Align::Left, Cut::Last},
                 {"in", Align::Left, Cut::First},
                 {"thread", Align::Left, Cut::First}});
  for (const ExpensiveFault& fault : page.report.expensive_faults) {
    longest.add({at(fault.ts), human_duration(fault.dur_ns), hex(fault.address),
                 printable(fault.words), fault.subsystem, thread_label(fault.thread, fault.tid)});
  }
  return out + longest.render(page.width, page.style);
}

namespace {

std::string allocs_text(const Page& page) {
  if (!page.report.page_allocs) return not_known(page, "page allocations", "page_allocs");
  const PageAllocs& allocs = *page.report.page_allocs;
  std::string orders;
  for (const auto& [order, count] : allocs.by_order) {
    orders += fmt::format("{}order {}: {}", orders.empty() ? "" : ", ", order, grouped(count));
  }
  std::string nodes;
  for (const auto& [node, count] : allocs.by_node) {
    nodes += fmt::format("{}node {}: {}", nodes.empty() ? "" : ", ", node, grouped(count));
  }
  return page.wrapped(
      fmt::format(
          "Pages taken from the allocator: {} in blocks of {}; by {}; {} became page tables.",
          human_bytes(allocs.bytes), orders.empty() ? "no order" : orders,
          nodes.empty() ? "no node" : nodes, grouped(allocs.page_table)),
      2);
}

std::string flushes_text(const Page& page) {
  if (!page.report.tlb_flushes) return not_known(page, "TLB flushes", "tlb_flushes");
  const TlbFlushes& flushes = *page.report.tlb_flushes;
  std::string reasons;
  for (const auto& [reason, count] : flushes.by_reason) {
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", reason, grouped(count));
  }
  return page.wrapped(
      fmt::format("TLB flushes: {} full, {} ranged ({}){}{}. At {} the entries were still valid.",
                  grouped(flushes.full), grouped(flushes.ranged), counted(flushes.pages, "page"),
                  reasons.empty() ? "" : "; by reason: ", reasons,
                  fmt::format("{} task switch{}", grouped(flushes.not_needed),
                              flushes.not_needed == 1 ? "" : "es")),
      2);
}

std::string tables_text(const Page& page) {
  const PageTables& tables = page.report.page_tables;
  std::string text = tables.bytes
                         ? fmt::format("Page tables at the end: {}.", human_bytes(*tables.bytes))
                         : fmt::format("Page tables at the end: not known: {}.",
                                       printable(why_missing(page.report, "page_tables.bytes")));
  if (tables.by_level) {
    text += fmt::format(
        " Needed for the touched pages: {} PTE, {} PMD, {} PUD tables ({}).",
        grouped(tables.by_level->pte), grouped(tables.by_level->pmd), grouped(tables.by_level->pud),
        human_bytes((tables.by_level->pte + tables.by_level->pmd + tables.by_level->pud) *
                    kPageSize));
  }
  return page.wrapped(text, 2);
}

std::string oom_text(const OomKill& kill) {
  const std::string who = kill.name.empty()
                              ? std::to_string(kill.pid)
                              : fmt::format("{} (process {})", printable(kill.name), kill.pid);
  const std::string weight =
      kill.weighed_bytes
          ? fmt::format("it weighed {} in memory, swap and page tables, with oom_score_adj {}",
                        human_bytes(*kill.weighed_bytes), kill.score_adj.value_or(0))
          : "what it weighed is not known: another process asked for the memory, and this kernel "
            "names the victim alone";
  return fmt::format("{} the OOM killer picked {}: {}; {}.", at(kill.ts), who, kill.why, weight);
}

// Major faults come of any start; they are shortage where they are many, or memory was reclaimed.
std::string shortage_text(const Page& page, const Waits& waits) {
  if (waits.direct_reclaim.count + waits.memcg_reclaim.count + waits.compaction.count == 0)
    return {};
  std::vector<std::string> costs;
  for (const ShortageCost& cost : waits.shortage) {
    std::vector<std::string> parts;
    const auto part = [&](Nanoseconds ns, std::string_view what) {
      if (ns > 0) parts.push_back(fmt::format("{} {}", human_duration(ns), what));
    };
    part(cost.direct_reclaim_ns, "in direct reclaim");
    part(cost.memcg_reclaim_ns, "in memory-cgroup reclaim");
    part(cost.compaction_ns, "in compaction");
    if (cost.major_faults > 0)
      part(cost.major_fault_ns, fmt::format("in {}", counted(cost.major_faults, "major fault")));
    if (parts.empty()) continue;
    costs.push_back(fmt::format("{} {}",
                                cost.subsystem.empty() ? "no fault or memory call" : cost.subsystem,
                                fmt::join(parts, ", ")));
  }
  if (costs.empty()) return {};
  return page.wrapped(fmt::format("What shortage of memory cost, by whose memory it was about: {}.",
                                  fmt::join(costs, "; ")),
                      2);
}

std::string swap_text(const Waits& waits) {
  if (waits.swap_out_pages.value_or(0) == 0) return "";
  std::string text =
      fmt::format(" Written to swap: {}, of which {} came back by major faults",
                  counted(*waits.swap_out_pages, "page"), grouped(waits.swap_ins.value_or(0)));
  std::string_view lead = ": ";
  for (const model::SwapShare& share : waits.swapped) {
    text += fmt::format("{}{} {} out, {} in", std::exchange(lead, ", "), share.subsystem,
                        grouped(share.out_pages), grouped(share.in_faults));
  }
  return text + ".";
}

std::string waits_text(const Page& page) {
  if (!page.report.waits) return not_known(page, "waits and reclaim", "waits");
  const Waits& waits = *page.report.waits;
  const auto wait = [](std::string_view what, const Wait& w) {
    if (w.count == 0) return fmt::format("{} never", what);
    return fmt::format("{} {}, {} (longest {})", what, counted(w.count, "time"),
                       human_duration(w.total_ns), human_duration(w.max_ns));
  };
  std::string text = fmt::format(
      "Waits (inside the times above): {}; {}; {}; {}. kswapd woken {}.",
      wait("for mmap_lock", waits.mmap_lock), wait("in direct reclaim", waits.direct_reclaim),
      wait("in memory-cgroup reclaim", waits.memcg_reclaim),
      wait("in compaction", waits.compaction),
      waits.kswapd_wakes ? counted(waits.kswapd_wakes, "time") : std::string("never"));
  text += swap_text(waits);
  if (waits.oom_kills) {
    text += fmt::format(" The OOM killer struck {}.", counted(waits.oom_kills, "time"));
  }
  if (waits.thp_collapses.value_or(0) > 0) {
    text += fmt::format(" {} made of small ones (khugepaged, MADV_COLLAPSE).",
                        counted(*waits.thp_collapses, "huge page"));
  }
  if (waits.migrated_pages.value_or(0) > 0)
    text += fmt::format(" {} pages migrated.", grouped(*waits.migrated_pages));
  std::string out = page.wrapped(text, 2) + shortage_text(page, waits);
  for (const OomKill& kill : waits.oom_victims) out += page.wrapped(oom_text(kill), 2);
  return out;
}

std::string pressure_text(const Page& page) {
  if (!page.report.pressure) return not_known(page, "waiting for memory (PSI)", "pressure");
  const MemoryStalls& pressure = *page.report.pressure;
  return page.wrapped(
      fmt::format("Waiting for memory (PSI, the whole host): some tasks for {}, all that could run "
                  "for {} of the recording.",
                  human_duration(pressure.some_ns), human_duration(pressure.full_ns)),
      2);
}

// Where there is one node there is nothing to say.
std::string placement_text(const Page& page) {
  std::set<std::uint32_t> nodes;
  for (const Subsystem& s : page.report.subsystems) {
    if (!s.node_bytes) return {};
    for (const auto& [node, bytes] : *s.node_bytes) nodes.insert(node);
  }
  if (nodes.empty() || nodes == std::set<std::uint32_t>{0}) return {};
  std::vector<std::string> placed;
  for (const Subsystem& s : page.report.subsystems) {
    std::vector<std::string> parts;
    for (const auto& [node, bytes] : *s.node_bytes)
      parts.push_back(fmt::format("N{} {}", node, human_bytes(bytes)));
    if (!parts.empty()) placed.push_back(fmt::format("{} {}", s.name, fmt::join(parts, " ")));
  }
  return page.wrapped(
      fmt::format("On NUMA nodes at the end (numa_maps): {}.", fmt::join(placed, "; ")), 2);
}

}  // namespace

std::string kernel_section(const Page& page) {
  return page.heading("Inside the kernel") + allocs_text(page) + flushes_text(page) +
         tables_text(page) + placement_text(page) + waits_text(page) + pressure_text(page);
}

std::string threads_section(const Page& page) {
  if (page.report.threads.empty()) return {};
  Table table({{"thread", Align::Left, Cut::Last},
               {"tid"},
               {"pid"},
               {"calls"},
               {"call time"},
               {"faults"},
               {"fault time"}});
  std::size_t shown = 0;
  for (const ThreadSummary& t : page.report.threads) {
    if (shown++ == kThreadsShown) break;
    table.add({t.name.empty() ? "(no name)" : printable(t.name), std::to_string(t.tid),
               std::to_string(t.pid), grouped(t.calls),
               t.call_ns ? human_duration(*t.call_ns) : "?", t.faults ? grouped(*t.faults) : "?",
               t.fault_ns ? human_duration(*t.fault_ns) : "?"});
  }
  std::string out =
      page.heading("Threads, by time in memory management") + table.render(page.width, page.style);
  if (page.report.threads.size() > kThreadsShown) {
    out += page.style(Style::Faint, fmt::format("  and {} more (--format csv --table threads)",
                                                page.report.threads.size() - kThreadsShown)) +
           "\n";
  }
  return out;
}

std::string trust_section(const Page& page) {
  const Report& report = page.report;
  std::string out = page.heading("How far to trust this");
  Table checks({{"", Align::Left},
                {"cross-check", Align::Left, Cut::Last},
                {"here"},
                {"kernel"},
                {"may differ by"}});
  for (const ReconcileLine& line : report.reconcile) {
    const auto figure = [&](std::int64_t value) {
      const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
      return line.unit == "bytes" ? human_bytes(size) : grouped(size);
    };
    const std::string verdict = line.agrees ? "ok" : line.comparable ? "NO" : "?";
    checks.add({verdict, line.what, figure(line.recorded), figure(line.kernel),
                line.tolerance ? figure(line.tolerance) : "nothing"});
  }
  if (!checks.empty()) out += checks.render(page.width, page.style);
  for (const ReconcileLine& line : report.reconcile) {
    if (!line.agrees && !line.note.empty()) {
      out += page.wrapped(fmt::format("{}: {}", line.what, printable(line.note)), 2);
    }
  }
  for (const LossKind& kind : report.loss.kinds) {
    if (kind.count == 0) continue;
    out += page.wrapped(fmt::format("{}: {} {}: {}", kind.severity, grouped(kind.count),
                                    printable(kind.kind), printable(kind.meaning)),
                        2);
  }
  for (const Missing& missing : report.missing) {
    out += page.wrapped(fmt::format("not known: {}: {}", missing.what, printable(missing.why)), 2);
  }
  if (!report.contradictions.empty()) {
    out +=
        page.wrapped(fmt::format("{} calls did not fit the replayed address space, the first: {}",
                                 grouped(report.contradictions.size()),
                                 printable(report.contradictions.front())),
                     2);
  }
  return out;
}

}  // namespace ft::report::text
