#include "sim/profile/machine_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/units.h"
#include "sim/kernel/behaviour.h"
#include "sim/phys/frame_table.h"
#include "sim/profile/cost_sections.h"
#include "sim/profile/tlb_section.h"
#include "sim/profile/toml_view.h"

namespace ft::sim::profile {

namespace {

constexpr std::uint64_t kMostMemory = phys::kMostFrames * kPageSize;
constexpr std::uint64_t kLeastMemory = 64 * kMiB;  // a kernel would not start with less
constexpr std::uint32_t kMostCpus = 8192;
constexpr std::uint64_t kMostPool = std::uint64_t{1} << 32U;

// --- nodes ---------------------------------------------------------------------------------------

// "0-7,16-23"
std::optional<std::vector<std::uint32_t>> parse_cpu_list(std::string_view text) {
  std::vector<std::uint32_t> cpus;
  if (trim(text).empty()) return cpus;
  for (const std::string_view part : split(text, ',')) {
    const std::string_view range = trim(part);
    const std::size_t dash = range.find('-');
    const auto first = parse_integer<std::uint32_t>(range.substr(0, dash));
    const auto last = dash == std::string_view::npos
                          ? first
                          : parse_integer<std::uint32_t>(range.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kMostCpus) return std::nullopt;
    for (std::uint32_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (cpus.size() > kMostCpus) return std::nullopt;
  }
  return cpus;
}

Result<std::vector<std::uint32_t>> cpus_of(TomlView& node) {
  const std::string allowed =
      fmt::format("allowed: a list such as \"0-7,16-23\" of numbers below {}", kMostCpus);
  const auto list = FT_TRY(node.text("cpus"));
  if (!list) return node.missing("cpus", allowed);
  auto cpus = parse_cpu_list(*list);
  if (!cpus) return node.wrong("cpus", "it is no list of CPUs", allowed);
  return std::move(*cpus);
}

Result<std::vector<numa::TopologyNode>> nodes_of(TomlView& root) {
  std::vector<TomlView> views = FT_TRY(root.tables("node"));
  if (views.empty()) return root.missing("node", "allowed: one [[node]] or more");
  if (views.size() > phys::kMostNodes) {
    return root.wrong("node", fmt::format("{} nodes", views.size()),
                      fmt::format("allowed: up to {}", phys::kMostNodes));
  }
  std::vector<numa::TopologyNode> nodes;
  std::vector<bool> taken(kMostCpus, false);
  std::uint64_t left = kMostMemory;
  for (TomlView& view : views) {
    const auto memory = FT_TRY(view.bytes("memory", kLeastMemory, kMostMemory));
    if (!memory) return view.missing("memory", "allowed: a size such as \"16G\"");
    if (*memory > left) {
      return view.wrong("memory", "the machine has more than the model takes",
                        fmt::format("allowed: {} in all", human_bytes(kMostMemory)));
    }
    left -= *memory;
    numa::TopologyNode& node = nodes.emplace_back();
    node.id = static_cast<phys::NodeId>(nodes.size() - 1);
    node.memory_bytes = *memory;
    node.cpus = FT_TRY(cpus_of(view));
    for (const std::uint32_t cpu : node.cpus) {
      if (taken[cpu]) return view.wrong("cpus", fmt::format("CPU {} is there twice", cpu));
      taken[cpu] = true;
    }
    FT_TRY_VOID(view.nothing_else());
  }
  const auto end = std::ranges::find(taken.rbegin(), taken.rend(), true).base();
  const auto gap = std::find(taken.begin(), end, false);
  if (end == taken.begin()) return root.wrong("node", "no node has a CPU");
  if (gap != end) {
    return root.wrong("node", fmt::format("CPU {} belongs to no node", gap - taken.begin()),
                      "allowed: numbers from 0 without gaps");
  }
  return nodes;
}

Result<std::vector<std::vector<unsigned>>> distances_of(TomlView& root, std::size_t nodes) {
  constexpr std::int64_t kMostDistance = 254;
  std::vector<std::vector<unsigned>> rows;
  const toml::node* at = root.node("distances");
  if (!at) return rows;
  const std::string shape = fmt::format("allowed: {0} rows of {0} integers, a row a node", nodes);
  const toml::array* array = at->as_array();
  if (!array || array->size() != nodes) {
    return root.wrong_at(*at, "distances", fmt::format("it is no table of {} nodes", nodes), shape);
  }
  for (std::size_t from = 0; from < nodes; ++from) {
    const toml::array* row = (*array)[from].as_array();
    if (!row || row->size() != nodes) {
      return root.wrong_at((*array)[from], fmt::format("distances[{}]", from),
                           fmt::format("it is no row of {} nodes", nodes), shape);
    }
    std::vector<unsigned>& values = rows.emplace_back();
    for (std::size_t to = 0; to < nodes; ++to) {
      const std::string key = fmt::format("distances[{}][{}]", from, to);
      const toml::node& cell = (*row)[to];
      const auto* value = cell.as_integer();
      if (!value) return root.wrong_at(cell, key, "it is no integer", shape);
      const std::int64_t distance = value->get();
      if (from == to && distance != numa::kLocalDistance) {
        return root.wrong_at(cell, key, fmt::format("{} from a node to itself", distance),
                             fmt::format("allowed: {}", numa::kLocalDistance));
      }
      if (from != to && (distance <= numa::kLocalDistance || distance > kMostDistance)) {
        return root.wrong_at(
            cell, key, fmt::format("{} is out of range", distance),
            fmt::format("allowed: {} to {}", numa::kLocalDistance + 1, kMostDistance));
      }
      values.push_back(static_cast<unsigned>(distance));
      if (to < from && values[to] != rows[to][from]) {
        return root.wrong_at(cell, key,
                             fmt::format("{}, but {} the other way", distance, rows[to][from]),
                             "allowed: the same both ways");
      }
    }
  }
  return rows;
}

Result<numa::Topology> topology_of(TomlView& root) {
  numa::TopologySettings settings;
  settings.nodes = FT_TRY(nodes_of(root));
  settings.distances = FT_TRY(distances_of(root, settings.nodes.size()));
  auto topology = numa::Topology::make(std::move(settings));
  if (!topology) return root.wrong("node", topology.error().message());
  if (const auto memory = topology->memory_start(); !memory) {
    return root.wrong("node", memory.error().message());
  }
  return topology;
}

// --- the kernel and its settings
// -------------------------------------------------------------------

Result<void> read_thp_sizes(TomlView& kernel, KernelSettings& settings) {
  constexpr std::array<std::string_view, 4> kStates = {"always", "inherit", "madvise", "never"};
  std::optional<TomlView> sizes = FT_TRY(kernel.table("thp_sizes"));
  if (!sizes) return {};
  for (unsigned order = 2; order <= phys::kHugeOrder; ++order) {
    const std::string size = fmt::format("{}kB", (kPageSize << order) / kKiB);
    if (const auto state = FT_TRY(sizes->one_of(size, kStates))) settings.thp_sizes[size] = *state;
  }
  return sizes->nothing_else();
}

Result<void> read_defrag(TomlView& kernel, KernelSettings& settings) {
  constexpr std::array kAll = {Defrag::Always, Defrag::Defer, Defrag::DeferMadvise, Defrag::Madvise,
                               Defrag::Never};
  std::array<std::string_view, kAll.size()> names;
  std::ranges::transform(kAll, names.begin(), [](Defrag defrag) { return name_of(defrag); });
  const auto name = FT_TRY(kernel.one_of("thp_defrag", names));
  for (const Defrag defrag : kAll) {
    if (name && *name == name_of(defrag)) settings.defrag = defrag;
  }
  return {};
}

Result<void> read_pools(TomlView& kernel, KernelSettings& settings) {
  const auto small = FT_TRY(kernel.whole("hugetlb_2M", 0, kMostPool));
  const auto large = FT_TRY(kernel.whole("hugetlb_1G", 0, kMostPool));
  if (small || large) {
    settings.hugetlb = HugetlbPools{.pages_2m = small.value_or(0), .pages_1g = large.value_or(0)};
  }
  return {};
}

Result<void> read_weights(TomlView& kernel, std::size_t nodes, numa::Weights& weights) {
  const toml::node* at = kernel.node("interleave_weights");
  if (!at) return {};
  const std::string allowed = fmt::format("allowed: {} integers from 1 to 255", nodes);
  const toml::array* array = at->as_array();
  if (!array || array->size() != nodes) {
    return kernel.wrong_at(*at, "interleave_weights", "it has no weight a node", allowed);
  }
  for (std::size_t i = 0; i < nodes; ++i) {
    const auto* value = (*array)[i].as_integer();
    if (!value || value->get() < 1 || value->get() > 255) {
      return kernel.wrong_at((*array)[i], fmt::format("interleave_weights[{}]", i),
                             "it is no weight", allowed);
    }
    weights[i] = static_cast<std::uint8_t>(value->get());
  }
  return {};
}

Result<void> read_kernel(TomlView& root, MachineProfile& machine) {
  constexpr std::array<std::string_view, 3> kThp = {"always", "madvise", "never"};
  constexpr std::uint64_t kMostCount = 0x7fffffff;  // int
  std::optional<TomlView> kernel = FT_TRY(root.table("kernel"));
  if (!kernel) return {};
  KernelSettings& settings = machine.kernel;
  settings.release = FT_TRY(kernel->text("release")).value_or("");
  if (!settings.release.empty() && !kernel::Behaviour::of_release(settings.release)) {
    return kernel->wrong("release", fmt::format("'{}' is none", printable(settings.release)),
                         "allowed: a release as uname -r has it, 6.1 or later");
  }
  settings.thp = FT_TRY(kernel->one_of("thp", kThp)).value_or("");
  FT_TRY_VOID(read_thp_sizes(*kernel, settings));
  settings.thp_zero_page = FT_TRY(kernel->flag("thp_zero_page"));
  FT_TRY_VOID(read_defrag(*kernel, settings));
  FT_TRY_VOID(read_pools(*kernel, settings));
  settings.overcommit_memory = FT_TRY(kernel->whole("overcommit_memory", 0, 2));
  settings.overcommit_ratio = FT_TRY(kernel->whole("overcommit_ratio", 0, 1000));
  settings.max_map_count = FT_TRY(kernel->whole("max_map_count", 1, kMostCount));
  settings.swap_bytes = FT_TRY(kernel->bytes("swap", 0, std::uint64_t{1} << 50U));
  settings.min_free_kbytes = FT_TRY(kernel->whole("min_free_kbytes", 1, kMostMemory / kKiB / 20));
  settings.watermark_scale_factor = FT_TRY(kernel->whole("watermark_scale_factor", 1, 3000));
  machine.fragmented = FT_TRY(kernel->number("fragmented", 0, 1)).value_or(0);
  FT_TRY_VOID(read_weights(*kernel, machine.topology.nodes().size(), machine.weights));
  return kernel->nothing_else();
}

Result<void> pools_fit(TomlView& root, const MachineProfile& machine) {
  if (!machine.kernel.hugetlb) return {};
  std::uint64_t memory = 0;
  for (const numa::TopologyNode& node : machine.topology.nodes()) memory += node.memory_bytes;
  const HugetlbPools& pools = *machine.kernel.hugetlb;
  // Neither product overflows: at most 2^32 pages of 2^30 bytes.
  const std::uint64_t wanted = pools.pages_2m * kHugePageSize;
  if (wanted > memory || pools.pages_1g * kGiB > memory - wanted) {
    return root.wrong("kernel", "its hugetlb pools are larger than the memory",
                      fmt::format("allowed: {} in all", human_bytes(memory)));
  }
  return {};
}

// toml++ 3.3 does not hold what it assumes of other letters outside of strings, where TOML has none
// (is_non_ascii_horizontal_whitespace).
Result<void> expect_ascii(std::string_view text, const std::string& name) {
  const auto other =
      std::ranges::find_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  if (other == text.end()) return {};
  const std::string_view before(text.begin(), other);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return fail(fmt::format("{}:{}:{}", name, 1 + std::ranges::count(before, '\n'),
                          before.size() - line_start + 1),
              "a letter that is not ASCII", "machine files are plain ASCII, comments too");
}

}  // namespace

Result<MachineProfile> parse_machine(std::string_view text, std::string_view file) {
  const std::string name(file);
  if (text.size() > kLargestMachineFile) {
    return fail(name, fmt::format("larger than {}", human_bytes(kLargestMachineFile)));
  }
  FT_TRY_VOID(expect_ascii(text, name));
  const toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(
        fmt::format("{}:{}:{}", name, error.source().begin.line, error.source().begin.column),
        printable(error.description()), "docs/machine.md has an example");
  }
  TomlView root(parsed.table(), name, "");
  const auto own_name = FT_TRY(root.text("name"));
  const auto description = FT_TRY(root.text("description"));
  const auto source = FT_TRY(root.text("source"));
  MachineProfile machine{.name = own_name.value_or(name),
                         .description = description.value_or(""),
                         .source = source.value_or(""),
                         .topology = FT_TRY(topology_of(root)),
                         .tlb = FT_TRY(tlb_of(root)),
                         .kernel = {},
                         .weights = {},
                         .fragmented = 0,
                         .costs = {},
                         .memory_now = {}};
  FT_TRY_VOID(read_kernel(root, machine));
  machine.costs = FT_TRY(costs_of(root, machine.topology.nodes().size()));
  FT_TRY_VOID(pools_fit(root, machine));
  FT_TRY_VOID(root.nothing_else());
  return machine;
}

}  // namespace ft::sim::profile
