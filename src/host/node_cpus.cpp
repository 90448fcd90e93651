#include "host/node_cpus.h"

#include <algorithm>

#include "base/text.h"

namespace ft::host {

NodeCpus read_node_cpus(const HostFiles& files) {
  const std::string folder = "/sys/devices/system/node/";
  NodeCpus lists;
  for (const std::string& name : files.names_in(folder)) {
    if (!name.starts_with("node")) continue;
    const auto node = parse_integer<std::uint32_t>(std::string_view(name).substr(4));
    auto list = node ? files.text(folder + name + "/cpulist") : std::nullopt;
    if (list) lists[*node] = *std::move(list);
  }
  return lists;
}

std::optional<std::vector<std::uint32_t>> nodes_of_cpus(const NodeCpus& lists,
                                                        std::string_view cpus) {
  const auto wanted = numbers_of_list(cpus);
  if (!wanted) return std::nullopt;
  std::vector<std::uint32_t> nodes;
  bool told = false;
  for (const auto& [node, list] : lists) {
    const auto here = numbers_of_list(list);
    if (!here) continue;
    told = true;
    const bool any = std::ranges::any_of(
        *here, [&](std::uint32_t cpu) { return std::ranges::binary_search(*wanted, cpu); });
    if (any) nodes.push_back(node);
  }
  if (!told) return std::nullopt;
  return nodes;
}

std::optional<std::vector<std::uint32_t>> nodes_of_cpus(const HostFiles& files,
                                                        std::string_view cpus) {
  return nodes_of_cpus(read_node_cpus(files), cpus);
}

}  // namespace ft::host
