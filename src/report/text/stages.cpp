// Where the kernel time went: the samples by stage, with what chance leaves open.
#include <fmt/format.h>

#include "base/text.h"
#include "report/text/sections.h"
#include "report/text/table.h"

namespace ft::report::text {

namespace {

using namespace model;

// "2.31 ms ± 0.42 ms"
std::string with_error(Nanoseconds ns, Nanoseconds error) {
  return fmt::format("{} ± {}", human_duration(ns), human_duration(error));
}

std::string how_taken(const Page& page) {
  const Samples& samples = *page.report.samples;
  std::string text = fmt::format("{} of {}: each running thread every {}; {} lost",
                                 counted(samples.taken, "sample"), printable(samples.event),
                                 human_duration(samples.period_ns), grouped(samples.lost));
  if (samples.missed && *samples.missed != 0) {
    text += fmt::format(", {} that did not come", grouped(*samples.missed));
  }
  text += fmt::format(
      ". {} were in the kernel, so {} of {} of processor time. ± is what chance leaves open, 19 "
      "times in 20; time with interrupts off shows where they are switched on again.",
      grouped(samples.kernel), with_error(samples.kernel_ns, samples.kernel_error_ns),
      human_duration(samples.kernel_ns + samples.user_ns));
  return page.wrapped(text, 2);
}

std::string stage_table(const Page& page) {
  const Samples& samples = *page.report.samples;
  Table table({{"stage", Align::Left, Cut::Last}, {"time"}, {"±"}, {"share"}, {"samples"}});
  for (const StageTime& stage : samples.stages) {
    table.add({stage.name, human_duration(stage.ns), human_duration(stage.error_ns),
               percent(stage.share), grouped(stage.samples)});
  }
  table.add_rule();
  table.add({"kernel", human_duration(samples.kernel_ns), human_duration(samples.kernel_error_ns),
             samples.kernel == 0 ? "" : percent(1), grouped(samples.kernel)});
  return table.render(page.width, page.style);
}

// "zeroing 41 %, cgroup charge 12 %"
std::string largest_stages(const StagesOf& part) {
  constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t i = 0; i < part.stages.size() && i < kShown; ++i) {
    text += fmt::format("{}{} {:.0f} %", i == 0 ? "" : ", ", part.stages[i].name,
                        100 * part.stages[i].share);
  }
  return text;
}

std::string parts_table(const Page& page, std::string_view title, std::string_view what,
                        const std::vector<StagesOf>& parts) {
  Table table({{std::string(what), Align::Left, Cut::First},
               {"in the kernel"},
               {"±"},
               {"most of it", Align::Left, Cut::Last}});
  for (const StagesOf& part : parts) {
    if (part.samples == 0) continue;
    table.add({printable(part.name), human_duration(part.ns), human_duration(part.error_ns),
               largest_stages(part)});
  }
  if (table.empty()) return {};
  return "\n  " + std::string(title) + "\n" + table.render(page.width, page.style);
}

std::string unclassified(const Page& page) {
  constexpr std::size_t kShown = 12;
  const auto& names = page.report.samples->unclassified;
  if (names.empty()) return {};
  std::string text = "Unknown are: ";
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) {
    text += fmt::format("{}{} ({})", i == 0 ? "" : ", ", printable(names[i].name),
                        grouped(names[i].count));
  }
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return page.wrapped(text + ".", 2);
}

}  // namespace

std::string stages_section(const Page& page) {
  std::string out = page.heading("Where the kernel time went");
  if (!page.report.samples) {
    return out +
           page.wrapped("Not known: " + printable(why_missing(page.report, "samples")) + ".", 2);
  }
  const Samples& samples = *page.report.samples;
  out += how_taken(page);
  if (samples.kernel == 0) return out;
  out += stage_table(page);
  out += unclassified(page);
  out += parts_table(page, "Faults and memory calls, by whose memory it was", "subsystem",
                     samples.by_subsystem);
  out += parts_table(page, "All of the kernel, by phase", "phase", samples.by_phase);
  out += parts_table(page, "Longest memory calls", "call", samples.by_call);
  return out;
}

}  // namespace ft::report::text
