// The first screen: where the time and the memory went, in plain words with numbers; what to worry
// about and what not; and before all that, whatever makes the numbers less than the truth.
#include <fmt/format.h>

#include "base/text.h"
#include "report/text/sections.h"
#include "report/text/table.h"

namespace ft::report::text {

namespace {

using model::Report;
using model::Time;

std::string command_line(const Report& report) {
  std::string command;
  for (const std::string& word : report.target.command) {
    if (!command.empty()) command += " ";
    // A hostile or generated argument may be huge: printable() of its head is enough here.
    command += printable(std::string_view(word).substr(0, 400));
    if (command.size() > 2000) break;
  }
  return command.empty() ? printable(report.target.executable) : command;
}

std::string title(const Page& page) {
  const Report& report = page.report;
  std::string command = command_line(report);
  if (command.empty()) command = "(command not known)";
  std::string out = page.style(Style::Strong, shortened(command, page.width)) + "\n";
  std::vector<std::string> facts;
  if (report.target.pid) facts.push_back(fmt::format("pid {}", *report.target.pid));
  if (report.target.exit_status) {
    const int status = *report.target.exit_status;
    facts.push_back(status > 128 ? fmt::format("killed by signal {}", status - 128)
                                 : fmt::format("exit status {}", status));
  }
  if (report.target.processes > 1) {
    facts.push_back(fmt::format("{} processes", grouped(report.target.processes)));
  }
  facts.push_back(report.target.threads == 1
                      ? std::string("1 thread")
                      : fmt::format("{} threads", grouped(report.target.threads)));
  facts.push_back("recorded with " + printable(report.backend));
  if (!report.host.kernel.empty()) facts.push_back("Linux " + printable(report.host.kernel));
  if (report.host.memory_bytes) facts.push_back(human_bytes(*report.host.memory_bytes) + " memory");
  std::string line;
  for (const std::string& fact : facts) line += (line.empty() ? "" : ", ") + fact;
  return out + page.wrapped(line, 0);
}

std::string warnings(const Page& page) {
  std::string out;
  for (const std::string& warning : page.report.summary.warnings) {
    std::string lines = page.wrapped(printable(warning), 4);
    lines[2] = '!';
    lines.pop_back();
    out += page.style(Style::Bad, lines) + "\n";
  }
  return out.empty() ? out : "\n" + out;
}

std::string line_of(std::string_view label, const std::string& figure, const std::string& remark) {
  return fmt::format("  {:<34}{:>12}{}{}\n", label, figure, remark.empty() ? "" : "   ", remark);
}

// {:>12} counts bytes; this pads by what is shown.
std::string right(const std::string& text, std::size_t width) {
  const std::size_t shown = shown_width(text);
  return std::string(width > shown ? width - shown : 0, ' ') + text;
}

std::string unknown(const Report& report, std::string_view label, const std::string& key) {
  return fmt::format("  {:<34}   not known: {}\n", label,
                     printable(model::why_missing(report, key)));
}

std::string share_of(Nanoseconds part, const model::Known<Nanoseconds>& whole,
                     std::string_view what) {
  if (!whole || *whole <= 0) return {};
  return fmt::format("{} of {}", percent(static_cast<double>(part) / static_cast<double>(*whole)),
                     what);
}

std::string wall_line(const Report& report) {
  const Time& time = report.time;
  if (!time.wall_ns) return unknown(report, "wall time", "time.wall");
  std::string remark = "exec to exit";
  if (time.held_ns > 0) {
    remark += fmt::format(", {} held for snapshots taken off", human_duration(time.held_ns));
  }
  return line_of("wall time", right(human_duration(*time.wall_ns), 12), remark);
}

std::string cpu_lines(const Report& report) {
  const Time& time = report.time;
  if (!time.user_ns || !time.system_ns) return unknown(report, "CPU time", "time.cpu");
  const Nanoseconds ran = *time.user_ns + *time.system_ns;
  std::string processors;
  if (time.wall_ns && *time.wall_ns > 0) {
    processors = fmt::format("all threads together: {:.1f} processors on average",
                             static_cast<double>(ran) / static_cast<double>(*time.wall_ns));
  }
  std::string out = line_of("running", right(human_duration(ran), 12), processors);
  out += line_of("  in the program itself", right(human_duration(*time.user_ns), 12),
                 share_of(*time.user_ns, ran, "running"));
  out += line_of("  in the kernel", right(human_duration(*time.system_ns), 12),
                 share_of(*time.system_ns, ran, "running"));
  return out;
}

// When nothing of the target ran: it waited for storage, for others, or for a processor.
std::string waiting_line(const Report& report) {
  const Time& time = report.time;
  if (!time.idle_least_ns || !time.idle_most_ns) return unknown(report, "waiting", "time.idle");
  if (*time.idle_most_ns <= *time.idle_least_ns) {
    return line_of("waiting", right(human_duration(*time.idle_least_ns), 12),
                   "of the wall time no thread ran");
  }
  return fmt::format("  {:<34}   {} to {} of the wall time no thread ran\n", "waiting",
                     human_duration(*time.idle_least_ns), human_duration(*time.idle_most_ns));
}

// "zeroing 31 %, exec 12 %": what the kernel was busy with, by the samples.
std::string kernel_line(const Page& page) {
  constexpr std::size_t kShown = 4;
  if (!page.report.samples || page.report.samples->kernel == 0) return {};
  const model::Samples& samples = *page.report.samples;
  std::string text;
  for (std::size_t i = 0; i < samples.stages.size() && i < kShown; ++i) {
    const model::StageTime& stage = samples.stages[i];
    const double error = samples.kernel_ns == 0 ? 0
                                                : static_cast<double>(stage.error_ns) /
                                                      static_cast<double>(samples.kernel_ns);
    text += fmt::format("{}{} {:.0f} ± {:.0f} %", i == 0 ? "" : ", ", stage.name, 100 * stage.share,
                        100 * error);
  }
  return page.wrapped(
      "The kernel was busy most with " + text + ", by " + counted(samples.kernel, "sample") + ".",
      2);
}

std::string mm_lines(const Report& report) {
  const Time& time = report.time;
  if (!time.kernel_mm) {
    std::string out = unknown(report, "kernel memory management", "time.kernel_mm");
    if (time.calls_gross_ns) {
      out += line_of("  memory calls alone", right(human_duration(*time.calls_gross_ns), 12), "");
    }
    return out;
  }
  const model::KernelMm& mm = *time.kernel_mm;
  model::Count calls = 0;
  for (const model::SyscallStats& s : report.syscalls) calls += s.memory ? s.count : 0;
  const model::Count faults = report.faults ? report.faults->count : 0;
  const model::Count kernel_mode = report.faults ? report.faults->kernel_mode : 0;
  std::string shares = share_of(mm.total_ns, time.wall_ns, "wall");
  if (time.system_ns && mm.total_ns <= *time.system_ns) {
    shares +=
        (shares.empty() ? "" : ", ") + share_of(mm.total_ns, time.system_ns, "kernel CPU time");
  }
  std::string out =
      line_of("kernel memory management", right(human_duration(mm.total_ns), 12), shares);
  const auto part = [&](std::string_view label, Nanoseconds ns, const std::string& count) {
    const std::string share = share_of(ns, mm.total_ns, "it");
    out +=
        line_of(label, right(human_duration(ns), 12), count + (share.empty() ? "" : ", " + share));
  };
  part("  page faults of the program", mm.user_faults_ns, counted(faults - kernel_mode, "fault"));
  part("  page faults inside the kernel", mm.kernel_faults_ns, counted(kernel_mode, "fault"));
  part("  memory calls", mm.calls_ns, counted(calls, "call"));
  return out;
}

std::string time_part(const Page& page) {
  std::string out = page.heading("Where the time went");
  out += wall_line(page.report) + cpu_lines(page.report) + waiting_line(page.report) +
         mm_lines(page.report);
  if (page.report.time.kernel_mm) {
    out +=
        page.style(Style::Faint, "  (memory management is summed over threads, waiting included)") +
        "\n";
  }
  return out + kernel_line(page);
}

std::string costs_part(const Page& page) {
  const auto& costs = page.report.summary.costs;
  if (costs.empty()) return {};
  const bool all = page.report.time.kernel_mm.has_value();
  std::string out = page.heading(all ? "What cost most of the memory management"
                                     : "What cost most of the memory calls");
  Table table({{"", Align::Right},
               {"", Align::Right},
               {"", Align::Right},
               {"", Align::Left, Cut::Last},
               {"", Align::Left, Cut::Last}});
  for (std::size_t i = 0; i < costs.size(); ++i) {
    table.add({fmt::format("{}.", i + 1), human_duration(costs[i].ns), percent(costs[i].share),
               printable(costs[i].what), printable(costs[i].how)});
  }
  std::string rows = table.render(page.width, page.style);
  return out + rows.substr(rows.find('\n') + 1);  // no titles
}

std::string memory_part(const Page& page) {
  const model::Memory& memory = page.report.memory;
  if (!memory.pid && memory.reserved_bytes == 0) return {};
  std::string out = page.heading("Where the memory went");
  out += line_of("address space mapped", right(human_bytes(memory.reserved_bytes), 12), "");
  out += line_of("  of it committed", right(human_bytes(memory.committed_bytes), 12), "");
  if (!memory.resident_end_bytes) {
    out += unknown(page.report, "  of it in memory", "subsystems.resident");
  } else {
    std::string remark = memory.moment;
    if (memory.resident_peak_bytes) {
      remark += fmt::format(", at most {}", human_bytes(*memory.resident_peak_bytes));
    }
    if (memory.resident_evidence == "faults alone") {
      remark += "; known from faults alone, so files are too small";
    }
    out += line_of("  of it in memory", right(human_bytes(*memory.resident_end_bytes), 12), remark);
  }
  const model::PageTables& tables = page.report.page_tables;
  out += tables.bytes ? line_of("page tables for it", right(human_bytes(*tables.bytes), 12), "")
                      : unknown(page.report, "page tables for it", "page_tables.bytes");
  return out;
}

std::string findings_part(const Page& page) {
  std::string out;
  for (const model::Finding& finding : page.report.findings) {
    if (finding.state != model::FindingState::Fires) continue;
    const std::string remark =
        fmt::format("{} {} ({})", finding.words, finding.advice, finding.name);
    std::string lines = page.wrapped(printable(remark), 4);
    lines[2] = '!';
    out += lines;
  }
  return out.empty() ? out : page.heading("Remarks") + out;
}

std::string harmless_part(const Page& page) {
  if (page.report.summary.harmless.empty()) return {};
  std::string out = page.heading("Not worth worrying about");
  for (const std::string& text : page.report.summary.harmless) {
    std::string lines = page.wrapped(printable(text), 4);
    lines[2] = '-';
    out += lines;
  }
  return out;
}

std::string trust_line(const Page& page) {
  const Report& report = page.report;
  std::size_t agreeing = 0;
  std::size_t compared = 0;
  for (const model::ReconcileLine& line : report.reconcile) {
    agreeing += line.agrees ? 1 : 0;
    compared += line.comparable ? 1 : 0;
  }
  const bool good = report.loss.total == 0 && !report.loss.cut_short && agreeing == compared;
  std::string text =
      fmt::format("{} events lost; {} of {} cross-checks against the kernel's own figures agree",
                  grouped(report.loss.total), agreeing, compared);
  const std::size_t rest = report.reconcile.size() - compared;
  text += rest == 0 ? "." : fmt::format("; {} cannot be compared.", rest);
  return "\n" + page.style(good ? Style::Good : Style::Bad, text) + "\n";
}

}  // namespace

std::string first_screen(const Page& page) {
  std::string out = title(page);
  out += warnings(page);
  out += time_part(page);
  out += costs_part(page);
  out += memory_part(page);
  out += findings_part(page);
  out += harmless_part(page);
  out += trust_line(page);
  return out;
}

}  // namespace ft::report::text
