// NUMA nodes, CPUs and distances of a machine as hwloc knows them: of this host, of an XML file
// that lstopo exported on another, or of hwloc's synthetic description of one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::host {

struct HwlocNode {
  std::uint32_t id = 0;  // the operating system's number
  std::uint64_t memory_bytes = 0;
  std::vector<std::uint32_t> cpus;  // the operating system's numbers, ascending
};

struct HwlocTopology {
  std::vector<HwlocNode> nodes;  // by id
  // distances[i][j]: from nodes[i] to nodes[j], as the firmware says. Empty: not told.
  std::vector<std::vector<unsigned>> distances;
};

Result<HwlocTopology> read_host_topology();

// Text of `lstopo --of xml`. Read in a child process, as hwloc may crash over it. Errors: no such
// XML, cut short, or without a NUMA node. hwloc says no more than that, so there is no line number.
// Larger than kLargestHwlocXml is an error too.
inline constexpr std::size_t kLargestHwlocXml = 16 * 1024 * 1024;
Result<HwlocTopology> parse_hwloc_xml(std::string_view xml, std::string_view name = "topology");

// "node:2(memory=8GiB) core:8 pu:1", as hwloc(7) describes it.
Result<HwlocTopology> parse_hwloc_synthetic(std::string_view description);

}  // namespace ft::host
