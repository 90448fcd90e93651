// Which processors belong to which NUMA node.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/host_files.h"

namespace ft::host {

// Each node's processors as the kernel lists them, "0-7,16".
using NodeCpus = std::map<std::uint32_t, std::string>;

// Of this host; empty where it does not tell.
NodeCpus read_node_cpus(const HostFiles& files);

// The nodes of the CPUs that a list such as "0-3,8" names; nothing where no node's CPUs are known.
std::optional<std::vector<std::uint32_t>> nodes_of_cpus(const NodeCpus& lists,
                                                        std::string_view cpus);
std::optional<std::vector<std::uint32_t>> nodes_of_cpus(const HostFiles& files,
                                                        std::string_view cpus);

}  // namespace ft::host
