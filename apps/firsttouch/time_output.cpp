#include "time_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"
#include "event/syscall_table.h"
#include "sim/whatif/figures.h"

namespace ft::app::what_if {

namespace {

namespace cost = sim::cost;
namespace profile = sim::profile;
using Json = nlohmann::ordered_json;
using Sort = cost::PartId::Sort;

std::string title_of(cost::PartId part) {
  if (part.sort() == Sort::Major) return "fault that waited for storage";
  return std::string(part.is_call() ? event::name_of(part.number())
                                    : sim::whatif::title_of(part.kind()));
}

std::string key_of(cost::PartId part) {
  if (part.sort() == Sort::Major) return "storage";
  return std::string(part.is_call() ? event::name_of(part.number())
                                    : sim::whatif::name_of(part.kind()));
}

std::string_view name_of(cost::Origin origin) {
  constexpr std::array<std::string_view, cost::kOrigins> kNames = {"machine_recorded",
                                                                   "machine_program", "recording"};
  return kNames[static_cast<std::size_t>(origin)];
}

std::string duration(double ns) {
  return human_duration(cost::whole_ns(ns));
}

bool nothing_known(const cost::Estimate& estimate) {
  return estimate.operations_unpriced == estimate.operations;
}

struct PartLine {
  cost::RecordedPart recorded;
  const cost::PartTime* unchanged = nullptr;
  const cost::PartTime* predicted = nullptr;
};

std::map<cost::PartId, PartLine> lines_of(const cost::Basis& basis,
                                          const cost::Forecast* predicted) {
  std::map<cost::PartId, PartLine> lines;
  if (basis.recorded()) {
    for (const auto& [part, recorded] : basis.recorded()->parts) lines[part].recorded = recorded;
  }
  for (const cost::PartTime& time : basis.unchanged().parts) lines[time.part].unchanged = &time;
  if (predicted) {
    for (const cost::PartTime& time : predicted->work.parts) lines[time.part].predicted = &time;
  }
  return lines;
}

std::string cell(const cost::PartTime* time) {
  if (!time || time->count == 0) return "-";
  if (time->unpriced == time->operations) return "?";
  return (time->unpriced != 0 ? ">" : "") + duration(time->ns);
}

// Predicted against recorded without waits, in percent.
std::string off_by(double by_costs, double recorded) {
  if (recorded <= 0) return "";
  const double percent = 100 * (by_costs / recorded - 1);
  if (std::abs(percent) >= 1000) return fmt::format("{:.0f} times", by_costs / recorded);
  return fmt::format("{:+.1f} %", percent);
}

std::string table(const cost::Basis& basis, const cost::Forecast* predicted) {
  std::string text = fmt::format("\n{:<34}{:>10}{:>12}{:>12}{:>12}{:>10}", "kernel mm time",
                                 "count", "recorded", "of it wait", "by costs", "off");
  text += predicted ? fmt::format("{:>10}{:>12}\n", "count", "predicted") : "\n";
  for (const auto& [part, line] : lines_of(basis, predicted)) {
    const cost::RecordedPart& recorded = line.recorded;
    const auto work = static_cast<double>(recorded.ns - recorded.wait_ns);
    const bool priced = line.unchanged && line.unchanged->unpriced == 0;
    text += fmt::format(
        "{:<34}{:>10}{:>12}{:>12}{:>12}{:>10}", title_of(part), grouped(recorded.count),
        basis.recorded() ? human_duration(recorded.ns) : "?",
        recorded.wait_ns != 0 ? human_duration(recorded.wait_ns) : "", cell(line.unchanged),
        priced && basis.recorded() ? off_by(line.unchanged->ns, work) : "");
    text += predicted
                ? fmt::format("{:>10}{:>12}\n", grouped(line.predicted ? line.predicted->count : 0),
                              cell(line.predicted))
                : "\n";
  }
  return text;
}

std::string unpriced_text(const cost::Estimate& estimate) {
  if (estimate.complete()) return "";
  std::string text = fmt::format(
      "  no cost is known for {} of {} operations ({:.1f} %), so this is less than it would "
      "take:\n",
      grouped(estimate.operations_unpriced), grouped(estimate.operations),
      100 * estimate.share_unpriced());
  for (const cost::Unpriced& missing : estimate.unpriced) {
    text += fmt::format("    {}: {} {}\n", title_of(missing.part), grouped(missing.count),
                        missing.cost ? profile::name_of(*missing.cost)
                                     : std::string_view("that no machine file has a name for"));
  }
  return text;
}

std::string sources_text(const cost::Estimate& estimate) {
  constexpr std::array<std::string_view, cost::kOrigins> kWords = {
      "the machine's [recorded_ns]", "the machine's [cost_ns]", "the recording itself"};
  if (estimate.ns() <= 0) return "";
  std::string text;
  for (std::size_t i = 0; i < cost::kOrigins; ++i) {
    if (estimate.ns_by[i] <= 0) continue;
    text += fmt::format("{}{:.1f} % by {}", text.empty() ? "  " : ", ",
                        100 * estimate.ns_by[i] / estimate.ns(), kWords[i]);
  }
  text += fmt::format("; the costs' spreads leave ±{} open", duration(estimate.uncertainty_ns));
  if (estimate.ns_without_spread > 0) {
    text += fmt::format(", {} has none", duration(estimate.ns_without_spread));
  }
  return text + "\n";
}

std::string sum_text(std::string_view what, const cost::Forecast& forecast) {
  std::string text = fmt::format("{}: {}{}", what, forecast.work.complete() ? "" : "more than ",
                                 human_duration(forecast.total_ns()));
  text += fmt::format(" = {} faults + {} calls", duration(forecast.work.fault_ns),
                      duration(forecast.work.call_ns));
  if (forecast.work.storage_ns > 0) {
    text += fmt::format(" + {} storage", duration(forecast.work.storage_ns));
  }
  if (forecast.wait_ns) text += fmt::format(" + {} other waits", duration(*forecast.wait_ns));
  if (forecast.outside_ns != 0) {
    text += fmt::format(" + {} outside of the model", human_duration(forecast.outside_ns));
  }
  return text + "\n";
}

std::string recorded_text(const cost::Basis& basis) {
  if (!basis.recorded()) return "Recorded: the recording holds no times of faults\n";
  const cost::RecordedSums& sums = *basis.recorded();
  std::string text = fmt::format("Recorded: {} = {} faults + {} calls",
                                 human_duration(sums.total_ns() + basis.outside_ns()),
                                 human_duration(sums.fault_ns), human_duration(sums.call_ns));
  if (sums.storage_ns != 0) text += fmt::format(" + {} storage", human_duration(sums.storage_ns));
  text += fmt::format(" + {} other waits", human_duration(sums.wait_ns));
  if (basis.outside_ns() != 0) {
    text += fmt::format(" + {} outside of the model", human_duration(basis.outside_ns()));
  }
  return text + "\n";
}

// By costs against recorded, storage left out.
std::string error_text(const cost::Basis& basis, const cost::Forecast& unchanged) {
  if (!basis.recorded() || !unchanged.work.complete()) return "";
  const cost::RecordedSums& sums = *basis.recorded();
  const auto work = static_cast<double>(sums.fault_ns + sums.call_ns);
  const auto all = work + static_cast<double>(sums.wait_ns);
  const double work_by_costs = unchanged.work.fault_ns + unchanged.work.call_ns;
  if (work <= 0) return "";
  return fmt::format("  off by {} with other waits, by {} without\n",
                     off_by(work_by_costs + unchanged.wait_ns.value_or(0), all),
                     off_by(work_by_costs, work));
}

Json estimate_json(const cost::Forecast& forecast) {
  const cost::Estimate& work = forecast.work;
  Json json = {
      {"kernel_mm_ns", forecast.total_ns()},
      {"fault_ns", cost::whole_ns(work.fault_ns)},
      {"call_ns", cost::whole_ns(work.call_ns)},
      {"storage_ns", cost::whole_ns(work.storage_ns)},
      {"wait_ns", forecast.wait_ns ? Json(cost::whole_ns(*forecast.wait_ns)) : Json(nullptr)},
      {"outside_ns", forecast.outside_ns},
      {"uncertainty_ns", cost::whole_ns(work.uncertainty_ns)},
      {"without_spread_ns", cost::whole_ns(work.ns_without_spread)},
      {"complete", work.complete()},
      {"operations", work.operations},
      {"operations_without_cost", work.operations_unpriced}};
  Json by = Json::object();
  for (std::size_t i = 0; i < cost::kOrigins; ++i) {
    by[std::string(name_of(static_cast<cost::Origin>(i)))] = cost::whole_ns(work.ns_by[i]);
  }
  json["ns_by_source_of_cost"] = std::move(by);
  json["without_cost"] = Json::array();
  for (const cost::Unpriced& missing : work.unpriced) {
    json["without_cost"].push_back(
        {{"part", key_of(missing.part)},
         {"cost",
          missing.cost ? Json(std::string(profile::name_of(*missing.cost))) : Json(nullptr)},
         {"count", missing.count}});
  }
  return json;
}

Json part_json(const cost::PartTime* time) {
  if (!time) return nullptr;
  return {{"count", time->count},
          {"ns", cost::whole_ns(time->ns)},
          {"operations", time->operations},
          {"operations_without_cost", time->unpriced}};
}

std::string_view sort_name(Sort sort) {
  if (sort == Sort::Call) return "call";
  return sort == Sort::Major ? "storage" : "fault";
}

Json recorded_json(const cost::Basis& basis) {
  if (!basis.recorded()) return nullptr;
  const cost::RecordedSums& sums = *basis.recorded();
  return {{"kernel_mm_ns", sums.total_ns() + basis.outside_ns()},
          {"fault_ns", sums.fault_ns},
          {"call_ns", sums.call_ns},
          {"storage_ns", sums.storage_ns},
          {"wait_ns", sums.wait_ns},
          {"outside_ns", basis.outside_ns()}};
}

Json prices_json(const cost::PriceList& prices) {
  Json json = Json::object();
  for (std::size_t i = 0; i < profile::kCosts; ++i) {
    const auto key = static_cast<profile::Cost>(i);
    if (const auto& price = prices.of(key)) {
      json[std::string(profile::name_of(key))] = {
          {"ns", price->ns},
          {"spread", price->spread ? Json(*price->spread) : Json(nullptr)},
          {"source", std::string(name_of(price->origin))}};
    }
  }
  return json;
}

}  // namespace

std::vector<Row> time_rows(const cost::Basis& basis, const cost::Forecast& predicted) {
  if (nothing_known(predicted.work)) return {};
  const std::optional<cost::RecordedSums>& recorded = basis.recorded();
  std::vector<Row> rows;
  const auto row = [&](const char* key, const char* title, Nanoseconds before, Nanoseconds after) {
    Row made{.key = key, .title = title, .before = {}, .after = static_cast<std::uint64_t>(after)};
    if (recorded) made.before = static_cast<std::uint64_t>(before);
    made.unit = Unit::Nanoseconds;
    made.detail = !rows.empty();
    made.estimated = true;
    made.at_least = !predicted.work.complete();
    rows.push_back(std::move(made));
  };
  const cost::RecordedSums sums = recorded.value_or(cost::RecordedSums{});
  row("kernel_mm_ns", "kernel mm time", sums.total_ns() + basis.outside_ns(), predicted.total_ns());
  row("fault_ns", "page faults, without waits", sums.fault_ns,
      cost::whole_ns(predicted.work.fault_ns));
  row("call_ns", "memory calls, without waits", sums.call_ns,
      cost::whole_ns(predicted.work.call_ns));
  if (sums.storage_ns != 0 || predicted.work.storage_ns > 0) {
    row("storage_ns", "faults that wait for storage", sums.storage_ns,
        cost::whole_ns(predicted.work.storage_ns));
  }
  if (predicted.wait_ns) {
    row("wait_ns", "other waits", sums.wait_ns, cost::whole_ns(*predicted.wait_ns));
  }
  if (basis.outside_ns() != 0) {
    row("outside_ns", "outside of the model", basis.outside_ns(), predicted.outside_ns);
  }
  return rows;
}

std::string time_text(const cost::Basis& basis, const cost::Forecast* predicted) {
  const cost::Forecast unchanged = forecast_unchanged(basis);
  if (basis.prices().empty()) {
    return "\nNo times: the recording holds none, and no --machine with costs was named.\n";
  }
  std::string text = table(basis, predicted) + "\n" + recorded_text(basis) +
                     sum_text("By costs", unchanged) + error_text(basis, unchanged) +
                     sources_text(unchanged.work) + unpriced_text(unchanged.work);
  if (!predicted) return text;
  return text + sum_text("Predicted", *predicted) + sources_text(predicted->work) +
         unpriced_text(predicted->work);
}

Json time_json(const cost::Basis& basis, const cost::Forecast* predicted) {
  if (basis.prices().empty()) return nullptr;
  Json json;
  json["recorded"] = recorded_json(basis);
  json["by_costs"] = estimate_json(forecast_unchanged(basis));
  if (predicted) json["predicted"] = estimate_json(*predicted);
  json["parts"] = Json::array();
  for (const auto& [part, line] : lines_of(basis, predicted)) {
    Json recorded = nullptr;
    if (basis.recorded()) {
      recorded = {{"count", line.recorded.count},
                  {"ns", line.recorded.ns},
                  {"wait_ns", line.recorded.wait_ns},
                  {"waited", line.recorded.waited}};
    }
    Json entry = {{"name", key_of(part)},
                  {"sort", std::string(sort_name(part.sort()))},
                  {"recorded", std::move(recorded)},
                  {"by_costs", part_json(line.unchanged)}};
    if (predicted) entry["predicted"] = part_json(line.predicted);
    json["parts"].push_back(std::move(entry));
  }
  json["costs"] = prices_json(basis.prices());
  return json;
}

Json time_json(const cost::Forecast& predicted) {
  return nothing_known(predicted.work) ? Json(nullptr) : estimate_json(predicted);
}

std::string time_word(const cost::Forecast& predicted) {
  if (nothing_known(predicted.work)) return "-";
  return (predicted.work.complete() ? "" : ">") + human_duration(predicted.total_ns());
}

}  // namespace ft::app::what_if
