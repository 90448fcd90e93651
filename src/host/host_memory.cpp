#include "host/host_memory.h"

#include "base/text.h"

namespace ft::host {

namespace {

constexpr std::string_view kNodes = "/sys/devices/system/node";

// Reads and parses one file into `into`.
template <typename T, typename Parser>
void read_into(const HostFiles& files, const std::string& path, Parser parse, T& into,
               std::vector<Error>& problems) {
  const Result<std::string> text = files.read(path);
  if (!text) {
    problems.push_back(text.error());
    return;
  }
  auto value = parse(*text, path);
  if (value)
    into = *std::move(value);
  else
    problems.push_back(value.error());
}

void read_nodes(const HostFiles& files, HostMemory& memory) {
  for (const std::string& name : files.names_in(kNodes)) {
    if (!name.starts_with("node")) continue;
    const auto node = parse_integer<std::uint32_t>(std::string_view(name).substr(4));
    if (!node) continue;
    NodeCounters counters{.node = *node, .numastat = {}};
    read_into(files, std::string(kNodes) + "/" + name + "/numastat", parse_counters,
              counters.numastat, memory.problems);
    if (!counters.numastat.empty()) memory.nodes.push_back(std::move(counters));
  }
}

}  // namespace

MemorySettings read_memory_settings(const HostFiles& files) {
  MemorySettings settings;
  const std::string thp = "/sys/kernel/mm/transparent_hugepage/";
  settings.thp_enabled = files.choice(thp + "enabled").value_or("");
  settings.thp_defrag = files.choice(thp + "defrag").value_or("");
  settings.overcommit_memory = files.number("/proc/sys/vm/overcommit_memory");
  settings.max_map_count = files.number("/proc/sys/vm/max_map_count");
  settings.extfrag_threshold = files.number("/proc/sys/vm/extfrag_threshold");
  settings.node_reclaim = files.number("/proc/sys/vm/zone_reclaim_mode");
  return settings;
}

HostMemory read_host_memory(const HostFiles& files, Nanoseconds now) {
  HostMemory memory;
  memory.at = now;
  std::vector<Error>& problems = memory.problems;
  read_into(files, "/proc/meminfo", parse_meminfo, memory.meminfo, problems);
  read_into(files, "/proc/vmstat", parse_counters, memory.vmstat, problems);
  read_into(files, "/proc/zoneinfo", parse_zoneinfo, memory.zones, problems);
  read_into(files, "/proc/buddyinfo", parse_buddyinfo, memory.free_blocks, problems);
  read_into(files, "/proc/pressure/memory", parse_pressure, memory.pressure, problems);
  read_nodes(files, memory);
  memory.settings = read_memory_settings(files);
  return memory;
}

}  // namespace ft::host
