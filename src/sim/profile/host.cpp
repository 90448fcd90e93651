#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/text.h"
#include "host/buddyinfo.h"
#include "host/facts.h"
#include "host/hwloc_topology.h"
#include "host/zoneinfo.h"
#include "sim/profile/machines.h"
#include "sim/replay/host_memory.h"

namespace ft::sim::profile {

namespace {

// The processor by its family and model: Intel SDM volume 4, table 2-1; AMD's processor programming
// references; as arch/x86/include/asm/intel-family.h and arch/x86/kernel/cpu/amd.c name them.
struct KnownModel {
  bool intel;
  unsigned family;
  unsigned first;
  unsigned last;
  std::string_view core;
};
constexpr std::array kModels = {KnownModel{true, 6, 63, 63, "haswell"},
                                KnownModel{true, 6, 79, 79, "broadwell"},
                                KnownModel{true, 6, 86, 86, "broadwell"},
                                KnownModel{true, 6, 85, 85, "skylake-sp"},
                                KnownModel{true, 6, 106, 106, "ice-lake-sp"},
                                KnownModel{true, 6, 108, 108, "ice-lake-sp"},
                                KnownModel{true, 6, 143, 143, "sapphire-rapids"},
                                KnownModel{true, 6, 207, 207, "sapphire-rapids"},
                                KnownModel{false, 23, 0, 0x2f, "zen1"},
                                KnownModel{false, 23, 0x30, 0xff, "zen2"},
                                KnownModel{false, 25, 0, 0x0f, "zen3"},
                                KnownModel{false, 25, 0x20, 0x5f, "zen3"},
                                KnownModel{false, 25, 0x10, 0x1f, "zen4"},
                                KnownModel{false, 25, 0x60, 0x7f, "zen4"},
                                KnownModel{false, 25, 0xa0, 0xaf, "zen4"},
                                KnownModel{false, 26, 0, 0xff, "zen5"}};

std::optional<std::string_view> field_of(std::string_view cpuinfo, std::string_view wanted) {
  while (!cpuinfo.empty()) {
    std::string_view line = take_until(cpuinfo, '\n');
    const std::string_view key = trim(take_until(line, ':'));
    if (key == wanted) return trim(line);
  }
  return std::nullopt;
}

std::optional<std::string_view> core_of(std::string_view cpuinfo) {
  const auto vendor = field_of(cpuinfo, "vendor_id");
  const auto family = parse_integer<unsigned>(field_of(cpuinfo, "cpu family").value_or(""));
  const auto model = parse_integer<unsigned>(field_of(cpuinfo, "model").value_or(""));
  if (!vendor || !family || !model) return std::nullopt;
  for (const KnownModel& known : kModels) {
    if (known.intel != (*vendor == "GenuineIntel")) continue;
    if (!known.intel && *vendor != "AuthenticAMD") continue;
    if (*family == known.family && *model >= known.first && *model <= known.last) {
      return known.core;
    }
  }
  return std::nullopt;
}

Result<numa::Topology> topology_of_host() {
  const host::HwlocTopology found = FT_TRY(host::read_host_topology());
  numa::TopologySettings settings;
  settings.distances = found.distances;
  for (const host::HwlocNode& node : found.nodes) {
    settings.nodes.push_back({node.id, node.memory_bytes, node.cpus});
  }
  return numa::Topology::make(std::move(settings));
}

KernelSettings settings_of(const host::HostFacts& facts) {
  KernelSettings settings;
  settings.release = facts.kernel;
  settings.thp = facts.thp.enabled;
  for (const auto& [size, state] : facts.thp.sizes) {
    if (size >= 4 * kPageSize) settings.thp_sizes[fmt::format("{}kB", size / kKiB)] = state;
  }
  if (!facts.thp.use_zero_page.empty()) settings.thp_zero_page = facts.thp.use_zero_page != "0";
  for (const Defrag defrag :
       {Defrag::Always, Defrag::Defer, Defrag::DeferMadvise, Defrag::Madvise, Defrag::Never}) {
    if (facts.thp.defrag == name_of(defrag)) settings.defrag = defrag;
  }
  HugetlbPools pools;
  for (const host::HugePool& pool : facts.huge_pools) {
    const std::uint64_t available = pool.free - std::min(pool.reserved, pool.free);
    if (pool.page_bytes == kHugePageSize) pools.pages_2m = available;
    if (pool.page_bytes == kGiB) pools.pages_1g = available;
  }
  settings.hugetlb = pools;
  settings.swap_bytes = facts.swap_bytes;
  settings.overcommit_memory = parse_integer<unsigned>(facts.sysctl("vm.overcommit_memory"));
  settings.overcommit_ratio = parse_integer<std::uint64_t>(facts.sysctl("vm.overcommit_ratio"));
  settings.max_map_count = parse_integer<std::uint64_t>(facts.sysctl("vm.max_map_count"));
  settings.watermark_scale_factor =
      parse_integer<std::uint64_t>(facts.sysctl("vm.watermark_scale_factor"));
  return settings;
}

Result<phys::MemoryStart> memory_of(const host::HostFiles& files, const numa::Topology& topology,
                                    const KernelSettings& settings) {
  const std::string zoneinfo = FT_TRY(files.read("/proc/zoneinfo"));
  const std::string buddyinfo = FT_TRY(files.read("/proc/buddyinfo"));
  std::vector<host::Zone> zones = FT_TRY(host::parse_zoneinfo(zoneinfo, "/proc/zoneinfo"));
  const auto blocks = FT_TRY(host::parse_buddyinfo(buddyinfo, "/proc/buddyinfo"));
  std::optional<host::PageTypeInfo> types;
  if (const auto text = files.read("/proc/pagetypeinfo")) {  // root only
    types = FT_TRY(host::parse_pagetypeinfo(*text, "/proc/pagetypeinfo"));
  }
  // Lists of CPUs were read at another moment than free blocks: they count as in use.
  for (host::Zone& zone : zones) {
    for (host::PageSet& set : zone.page_sets) set.count = 0;
  }
  phys::WatermarkSettings marks;
  if (settings.watermark_scale_factor) {
    marks.watermark_scale_factor = *settings.watermark_scale_factor;
  }
  marks.huge_pages = settings.thp != "never";
  phys::MemoryStart start =
      FT_TRY(replay::host_memory(zones, blocks, types ? &*types : nullptr, topology.node_of_cpu(),
                                 marks, allocator_rules(settings.release)));
  start.fallback_order = topology.fallback_orders();
  return start;
}

}  // namespace

Result<MachineProfile> probe_host(const host::HostFiles& files) {
  const host::HostFacts facts = host::read_host_facts(files);
  const std::string cpuinfo = FT_TRY(files.read("/proc/cpuinfo"));
  const auto core = core_of(cpuinfo);
  numa::Topology topology = FT_TRY(topology_of_host());
  KernelSettings settings = settings_of(facts);
  phys::MemoryStart memory = FT_TRY(memory_of(files, topology, settings));
  // A pool's pages are in use in zoneinfo and buddyinfo.
  return MachineProfile{
      .name = "host",
      .description = fmt::format("this host: {} with {} CPUs and {}", facts.cpu_model, facts.cpus,
                                 human_bytes(facts.memory_bytes)),
      .source = core ? "this host"
                     : "this host; the TLB of its processor is not known: Sapphire Rapids assumed",
      .topology = std::move(topology),
      .tlb = FT_TRY(tlb::core_named(core.value_or("sapphire-rapids"))),
      .kernel = std::move(settings),
      .weights = {},
      .fragmented = 0,
      .costs = {},
      .memory_now = std::move(memory)};
}

}  // namespace ft::sim::profile
