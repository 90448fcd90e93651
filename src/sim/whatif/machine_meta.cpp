#include "sim/whatif/machine_meta.h"

#include <fmt/format.h>

#include <numeric>

namespace ft::sim::whatif {

void set_meta(const profile::MachineProfile& machine, std::map<std::string, std::string>& meta) {
  std::uint64_t memory = 0;
  for (const numa::TopologyNode& node : machine.topology.nodes()) memory += node.memory_bytes;
  meta["host.memory_bytes"] = std::to_string(memory);
  meta["host.nodes"] = std::to_string(machine.topology.nodes().size());
  meta["host.cpus"] = std::to_string(machine.topology.node_of_cpu().size());
  meta["host.cpu"] = machine.tlb.core;

  const profile::KernelSettings& kernel = machine.kernel;
  const auto set = [&](const std::string& key, const std::string& value) {
    if (!value.empty()) meta["host." + key] = value;
  };
  const auto number = [&](const std::string& key, const auto& value) {
    if (value) meta["host." + key] = std::to_string(*value);
  };
  set("kernel", kernel.release);
  set("thp.enabled", kernel.thp);
  for (const auto& [size, enabled] : kernel.thp_sizes) set("thp.size." + size, enabled);
  if (kernel.thp_zero_page) set("thp.use_zero_page", *kernel.thp_zero_page ? "1" : "0");
  if (kernel.defrag) set("thp.defrag", std::string(profile::name_of(*kernel.defrag)));
  if (kernel.hugetlb) {
    set("hugetlb.2048kB.total", std::to_string(kernel.hugetlb->pages_2m));
    set("hugetlb.2048kB.free", std::to_string(kernel.hugetlb->pages_2m));
    set("hugetlb.1048576kB.total", std::to_string(kernel.hugetlb->pages_1g));
    set("hugetlb.1048576kB.free", std::to_string(kernel.hugetlb->pages_1g));
  }
  number("sysctl.vm.overcommit_memory", kernel.overcommit_memory);
  number("sysctl.vm.overcommit_ratio", kernel.overcommit_ratio);
  number("sysctl.vm.max_map_count", kernel.max_map_count);
  number("swap_bytes", kernel.swap_bytes);
}

}  // namespace ft::sim::whatif
