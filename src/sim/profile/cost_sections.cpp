#include "sim/profile/cost_sections.h"

#include <fmt/format.h>

#include <cmath>

namespace ft::sim::profile {

namespace {

constexpr double kMostNs = 1e12;
constexpr double kMostSpread = 1e6;
constexpr std::uint64_t kMostEntries = std::uint64_t{1} << 20U;  // as an array of the model's TLB

Result<Costs> section(TomlView& root, std::string_view name) {
  Costs costs;
  std::optional<TomlView> table = FT_TRY(root.table(name));
  if (!table) return costs;
  for (std::size_t i = 0; i < kCosts; ++i) {
    const auto cost = static_cast<Cost>(i);
    const auto value = FT_TRY(table->number(name_of(cost), 0, kMostNs));
    if (value) costs.set(cost, *value);
  }
  FT_TRY_VOID(table->nothing_else());
  return costs;
}

// The spreads of what the section `figures` tells.
Result<Costs> spreads(TomlView& root, std::string_view name, std::string_view figures,
                      const Costs& costs) {
  Costs found;
  std::optional<TomlView> table = FT_TRY(root.table(name));
  if (!table) return found;
  for (std::size_t i = 0; i < kCosts; ++i) {
    const auto cost = static_cast<Cost>(i);
    const auto value = FT_TRY(table->number(name_of(cost), 0, kMostSpread));
    if (!value) continue;
    if (!costs.of(cost)) {
      return table->wrong(name_of(cost),
                          fmt::format("a spread of what [{}] does not tell", figures));
    }
    found.set(cost, *value);
  }
  FT_TRY_VOID(table->nothing_else());
  return found;
}

Result<MeasuredTlb> tlb_of_section(TomlView& root) {
  MeasuredTlb tlb;
  std::optional<TomlView> table = FT_TRY(root.table("measured_tlb"));
  if (!table) return tlb;
  tlb.l1_entries_4k = FT_TRY(table->whole("tlb_l1_entries_4k", 1, kMostEntries));
  tlb.l2_entries_4k = FT_TRY(table->whole("tlb_l2_entries_4k", 1, kMostEntries));
  tlb.l1_entries_2m = FT_TRY(table->whole("tlb_l1_entries_2m", 1, kMostEntries));
  tlb.l2_entries_2m = FT_TRY(table->whole("tlb_l2_entries_2m", 1, kMostEntries));
  FT_TRY_VOID(table->nothing_else());
  return tlb;
}

Result<std::vector<std::vector<double>>> latencies_of(TomlView& table, std::size_t nodes) {
  constexpr std::string_view kKey = "memory_latency_ns";
  std::vector<std::vector<double>> rows;
  const toml::node* at = table.node(kKey);
  if (!at) return rows;
  const std::string shape = fmt::format(
      "allowed: {0} rows, a row a node, of {0} numbers from 0 to {1}; [] where it has no CPU",
      nodes, kMostNs);
  const toml::array* array = at->as_array();
  if (!array || array->size() != nodes) {
    return table.wrong_at(*at, kKey, fmt::format("it is no table of {} nodes", nodes), shape);
  }
  for (std::size_t from = 0; from < nodes; ++from) {
    const toml::array* row = (*array)[from].as_array();
    const std::string key = fmt::format("{}[{}]", kKey, from);
    if (!row || (!row->empty() && row->size() != nodes)) {
      return table.wrong_at((*array)[from], key, fmt::format("it is no row of {} nodes", nodes),
                            shape);
    }
    std::vector<double>& values = rows.emplace_back();
    for (const toml::node& cell : *row) {
      const auto value = cell.value<double>();
      if (!value || !cell.is_number() || !std::isfinite(*value) || *value < 0 || *value > kMostNs) {
        return table.wrong_at(cell, key, "it is no latency", shape);
      }
      values.push_back(*value);
    }
  }
  return rows;
}

Result<std::optional<Measured>> measured_of(TomlView& root, std::size_t nodes) {
  std::optional<TomlView> table = FT_TRY(root.table("measured"));
  if (!table) return std::nullopt;
  Measured measured;
  measured.date = FT_TRY(table->text("date")).value_or("");
  measured.kernel = FT_TRY(table->text("kernel")).value_or("");
  measured.cpu = FT_TRY(table->text("cpu")).value_or("");
  measured.file = FT_TRY(table->text("file")).value_or("");
  measured.noisy = FT_TRY(table->flag("noisy"));
  measured.why = FT_TRY(table->text("why")).value_or("");
  measured.zeroing_bytes_per_ns = FT_TRY(table->number("zeroing_bytes_per_ns", 0, kMostNs));
  measured.memory_latency_ns = FT_TRY(latencies_of(*table, nodes));
  FT_TRY_VOID(table->nothing_else());
  return measured;
}

}  // namespace

Result<MachineCosts> costs_of(TomlView& root, std::size_t nodes) {
  MachineCosts costs;
  costs.cost_ns = FT_TRY(section(root, "cost_ns"));
  costs.recorded_ns = FT_TRY(section(root, "recorded_ns"));
  costs.recorded_cold_ns = FT_TRY(section(root, "recorded_cold_ns"));
  costs.cost_spread = FT_TRY(spreads(root, "cost_spread", "cost_ns", costs.cost_ns));
  costs.recorded_spread =
      FT_TRY(spreads(root, "recorded_spread", "recorded_ns", costs.recorded_ns));
  costs.tlb = FT_TRY(tlb_of_section(root));
  costs.measured = FT_TRY(measured_of(root, nodes));
  return costs;
}

}  // namespace ft::sim::profile
