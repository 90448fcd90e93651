#include "limits_output.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ft::app::what_if {

namespace {

using sim::whatif::Killed;
using sim::whatif::LimitFigures;
using sim::whatif::LimitPart;
using sim::whatif::LimitPlan;
using sim::whatif::Verdict;
using Json = nlohmann::ordered_json;

const Killed* last_killed(const LimitFigures& figures) {
  return figures.killed.empty() ? nullptr : &figures.killed.back();
}

std::string given(const LimitPlan& plan) {
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (plan.group_bytes) add(fmt::format("cgroup limit {}", human_bytes(*plan.group_bytes)));
  if (plan.machine_bytes) {
    add(fmt::format("{} of memory, {} of it others'", human_bytes(*plan.machine_bytes),
                    human_bytes(plan.others_bytes)));
  }
  if (plan.swap_bytes == 0) {
    add("no swap");
  } else {
    add(fmt::format(
        "{} of swap{}", human_bytes(plan.swap_bytes),
        plan.swap_compression ? fmt::format(" compressed {} times", *plan.swap_compression) : ""));
    add(fmt::format("swappiness {}", plan.swappiness));
  }
  return text;
}

std::string verdict_words(const LimitFigures& figures) {
  switch (figures.verdict) {
    case Verdict::Fits:
      return "the start fits";
    case Verdict::Reclaims:
      return "the start fits once memory is reclaimed";
    case Verdict::Killed:
      break;
  }
  return "the start does not fit: the OOM killer ends it";
}

std::string line(std::string_view title, const std::string& value, std::string_view certainty) {
  return fmt::format("  {:<42}{:>24}  {}\n", title, value, certainty);
}

// Where only first touches decide, the answer is as good as the count of kernel objects; which
// pages reclaim picks is not.
constexpr std::string_view kExact = "exact";
constexpr std::string_view kEstimated = "estimated";

std::string killed_text(const Killed& killed) {
  return fmt::format(
      "  killed: {} (pid {}) at {}, by {}, with {} resident, badness {} pages\n",
      printable(killed.name.empty() ? "?" : killed.name), killed.pid, human_duration(killed.ts),
      killed.for_group ? "its group's limit" : "want of memory", human_bytes(killed.resident_bytes),
      grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(killed.points, 0))));
}

std::string parts_table(const LimitFigures& figures) {
  const bool swapped = std::ranges::any_of(
      figures.parts, [](const LimitPart& part) { return part.swapped_bytes != 0; });
  if (!swapped && figures.verdict != Verdict::Killed) return "";
  std::string text =
      fmt::format("\n  {:<26}{:>16}{:>16}\n", "memory of",
                  figures.verdict == Verdict::Killed ? "when killed" : "resident", "in swap");
  for (const LimitPart& part : figures.parts) {
    text += fmt::format("  {:<26}{:>16}{:>16}  estimated\n", jvm::name_of(part.part),
                        human_bytes(part.resident_bytes), human_bytes(part.swapped_bytes));
  }
  return text;
}

}  // namespace

std::string limits_text(const LimitFigures& figures) {
  const std::string_view pages = figures.pages_estimated ? kEstimated : kExact;
  std::string text =
      fmt::format("\nwith {}: {} (estimated)\n", given(figures.plan), verdict_words(figures));
  text += line("needed at once without swap", human_bytes(figures.needed_bytes), kEstimated);
  text += line("  anonymous pages and shared memory", human_bytes(figures.needed_anonymous_bytes),
               pages);
  text += line("  page tables", human_bytes(figures.needed_table_bytes), pages);
  text += line("  stacks and objects of the kernel", human_bytes(figures.needed_kernel_bytes),
               kEstimated);
  if (figures.plan.group_bytes) {
    text += line("charged to the group, most", human_bytes(figures.peak_bytes), kEstimated);
    text += line("times its limit made it reclaim", grouped(figures.limit_reclaims), kEstimated);
  }
  if (figures.plan.machine_bytes) {
    text += line("kswapd woken", grouped(figures.kswapd_wakeups), kEstimated);
    text += line("direct reclaims", grouped(figures.direct_reclaims), kEstimated);
    text += line("dropped pages of files", human_bytes(figures.dropped_bytes), kEstimated);
  }
  if (figures.plan.swap_bytes != 0) {
    text += line("swapped out", human_bytes(figures.swapped_bytes), kEstimated);
    if (figures.plan.swap_compression) {
      text += line("memory of compressed pages", human_bytes(figures.compressed_bytes), kEstimated);
    }
  }
  if (figures.swapped_bytes + figures.dropped_bytes != 0) {
    text += line("read back", "not known", "");
  }
  if (figures.huge_refused != 0) {
    text += line("huge pages refused", grouped(figures.huge_refused), kEstimated);
  }
  for (const Killed& killed : figures.killed) text += killed_text(killed);
  return text + parts_table(figures);
}

Json limits_json(const LimitFigures& figures) {
  const LimitPlan& plan = figures.plan;
  Json root;
  root["verdict"] = std::string(sim::whatif::name_of(figures.verdict));
  root["group_limit_bytes"] = plan.group_bytes ? Json(*plan.group_bytes) : Json(nullptr);
  root["machine_bytes"] = plan.machine_bytes ? Json(*plan.machine_bytes) : Json(nullptr);
  root["others_bytes"] = plan.others_bytes;
  root["swap_bytes"] = plan.swap_bytes;
  root["swap_compression"] = plan.swap_compression ? Json(*plan.swap_compression) : Json(nullptr);
  root["swappiness"] = plan.swappiness;
  root["needed_bytes"] = figures.needed_bytes;
  root["needed"] = {{"anonymous_bytes", figures.needed_anonymous_bytes},
                    {"table_bytes", figures.needed_table_bytes},
                    {"kernel_bytes", figures.needed_kernel_bytes},
                    {"pages_estimated", figures.pages_estimated}};
  root["charged_peak_bytes"] = figures.peak_bytes;
  root["limit_reclaims"] = figures.limit_reclaims;
  root["kswapd_wakeups"] = figures.kswapd_wakeups;
  root["direct_reclaims"] = figures.direct_reclaims;
  root["swapped_bytes"] = figures.swapped_bytes;
  root["dropped_bytes"] = figures.dropped_bytes;
  root["compressed_bytes"] = figures.compressed_bytes;
  root["read_back_bytes"] =
      figures.swapped_bytes + figures.dropped_bytes == 0 ? Json(0) : Json(nullptr);
  root["huge_pages_refused"] = figures.huge_refused;
  root["killed"] = Json::array();
  for (const Killed& killed : figures.killed) {
    root["killed"].push_back({{"pid", killed.pid},
                              {"name", killed.name},
                              {"ts_ns", killed.ts},
                              {"resident_bytes", killed.resident_bytes},
                              {"badness_pages", killed.points},
                              {"for_group", killed.for_group}});
  }
  root["subsystems"] = Json::array();
  for (const LimitPart& part : figures.parts) {
    root["subsystems"].push_back({{"name", std::string(jvm::name_of(part.part))},
                                  {"resident_bytes", part.resident_bytes},
                                  {"swapped_bytes", part.swapped_bytes}});
  }
  root["estimated"] = true;
  return root;
}

std::string limits_word(const LimitFigures& figures) {
  if (const Killed* killed = last_killed(figures);
      killed != nullptr && figures.verdict == Verdict::Killed) {
    return fmt::format("killed at {}", human_duration(killed->ts));
  }
  if (figures.swapped_bytes != 0)
    return fmt::format("swaps {}", human_bytes(figures.swapped_bytes));
  if (figures.dropped_bytes != 0)
    return fmt::format("drops {}", human_bytes(figures.dropped_bytes));
  return "fits";
}

}  // namespace ft::app::what_if
