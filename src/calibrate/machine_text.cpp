#include "calibrate/machine_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "base/text.h"
#include "base/units.h"

namespace ft::calibrate {

namespace {

using sim::profile::Cost;
using sim::profile::Costs;
using sim::profile::MachineCosts;
using sim::profile::MachineProfile;

// Machine files are ASCII, and TOML has no control characters.
std::string plain(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](unsigned char byte) { return byte < 0x20 || byte >= 0x7f; }, '?');
  return out;
}

// TOML's basic strings.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : plain(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// "0-3,8"
std::string cpu_list(std::vector<std::uint32_t> cpus) {
  std::ranges::sort(cpus);
  std::string list;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    list += fmt::format("{}{}", list.empty() ? "" : ",", cpus[i]);
    if (last != i) list += fmt::format("-{}", cpus[last]);
    i = last + 1;
  }
  return list;
}

template <typename Number>
std::string matrix(const std::vector<std::vector<Number>>& rows) {
  std::vector<std::string> texts;
  for (const auto& row : rows) {
    if constexpr (std::is_floating_point_v<Number>) {
      texts.push_back(fmt::format("[{:.1f}]", fmt::join(row, ", ")));
    } else {
      texts.push_back(fmt::format("[{}]", fmt::join(row, ", ")));
    }
  }
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

// Always with a point or an exponent; figures beyond the fourth are noise.
std::string figure(double value) {
  if (value >= 100) return fmt::format("{:.0f}.0", value);
  return fmt::format("{:#.4g}", value);
}

void add_comment(std::string& text, std::string_view sentence) {
  constexpr std::size_t kWidth = 98;
  std::string line = "#";
  for (std::string_view word = take_word(sentence); !word.empty(); word = take_word(sentence)) {
    if (line.size() + 1 + word.size() > kWidth) {
      text += line + "\n";
      line = "#  ";
    }
    line += " " + plain(word);
  }
  text += line + "\n";
}

void add_costs(std::string& text, std::string_view section, const Costs& costs, bool spread) {
  if (costs.empty()) return;
  text += fmt::format("\n[{}]\n", section);
  for (const Cost cost : costs.known()) {
    const double value = *costs.of(cost);
    text += fmt::format("{} = {}\n", name_of(cost),
                        spread ? fmt::format("{:.3f}", value) : figure(value));
  }
}

void add_nodes(std::string& text, const MachineProfile& machine) {
  const auto& nodes = machine.topology.nodes();
  if (nodes.size() > 1) {
    std::vector<std::vector<unsigned>> distances(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const auto& to : nodes) {
        distances[i].push_back(machine.topology.distance(nodes[i].id, to.id));
      }
    }
    text += fmt::format("distances = {}\n", matrix(distances));
  }
  for (const auto& node : nodes) {
    text += fmt::format("\n[[node]]\nmemory = {}\ncpus = {}\n", node.memory_bytes,
                        toml_string(cpu_list(node.cpus)));
  }
  text += fmt::format("\n[tlb]\ncore = {}\n", toml_string(machine.tlb.name));
}

void add_reach(std::string& text, const sim::profile::MeasuredTlb& tlb) {
  if (tlb == sim::profile::MeasuredTlb()) return;
  text += "\n[measured_tlb]\n";
  const auto add = [&](const char* key, const std::optional<std::uint64_t>& entries) {
    if (entries) text += fmt::format("{} = {}\n", key, *entries);
  };
  add("tlb_l1_entries_4k", tlb.l1_entries_4k);
  add("tlb_l2_entries_4k", tlb.l2_entries_4k);
  add("tlb_l1_entries_2m", tlb.l1_entries_2m);
  add("tlb_l2_entries_2m", tlb.l2_entries_2m);
}

void add_measured(std::string& text, const sim::profile::Measured& measured) {
  text += "\n[measured]\n";
  text += fmt::format("date = {}\nkernel = {}\ncpu = {}\n", toml_string(measured.date),
                      toml_string(measured.kernel), toml_string(measured.cpu));
  if (!measured.file.empty()) text += fmt::format("file = {}\n", toml_string(measured.file));
  if (measured.noisy) text += fmt::format("noisy = {}\n", *measured.noisy);
  text += fmt::format("why = {}\n", toml_string(measured.why));
  if (measured.zeroing_bytes_per_ns) {
    text += fmt::format("zeroing_bytes_per_ns = {}\n", figure(*measured.zeroing_bytes_per_ns));
  }
  if (!measured.memory_latency_ns.empty()) {
    text += fmt::format("memory_latency_ns = {}\n", matrix(measured.memory_latency_ns));
  }
}

}  // namespace

std::string machine_text(const MachineProfile& machine, const std::vector<std::string>& left_out) {
  std::string text = "# Written by firsttouch calibrate; what the keys mean: docs/machine.md.\n";
  if (!left_out.empty()) text += "#\n# Left out:\n";
  for (const std::string& sentence : left_out) add_comment(text, sentence);
  text += fmt::format("\nname = {}\ndescription = {}\nsource = {}\n", toml_string(machine.name),
                      toml_string(machine.description), toml_string(machine.source));
  add_nodes(text, machine);
  const MachineCosts& costs = machine.costs;
  add_costs(text, "cost_ns", costs.cost_ns, false);
  add_costs(text, "cost_spread", costs.cost_spread, true);
  add_costs(text, "recorded_ns", costs.recorded_ns, false);
  add_costs(text, "recorded_spread", costs.recorded_spread, true);
  add_costs(text, "recorded_cold_ns", costs.recorded_cold_ns, false);
  add_reach(text, costs.tlb);
  if (costs.measured) add_measured(text, *costs.measured);
  return text;
}

}  // namespace ft::calibrate
