// Topology is what a machine is made of as far as distance matters: nodes, their memory and CPUs,
// and how far each is from each.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "sim/phys/memory_start.h"
#include "sim/phys/node_mask.h"

namespace ft::sim::numa {

using phys::NodeId;

// As the firmware's SLIT counts: 10 is local.
inline constexpr unsigned kLocalDistance = 10;
inline constexpr unsigned kRemoteDistance = 20;

struct TopologyNode {
  NodeId id = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<std::uint32_t> cpus;
};

struct TopologySettings {
  std::vector<TopologyNode> nodes;
  // distances[i][j]: from nodes[i] to nodes[j]. Empty: 10 and 20.
  std::vector<std::vector<unsigned>> distances;
};

class Topology {
 public:
  // Errors name the node and what is wrong: no node, no CPU at all, a node without memory, two of
  // one number, a CPU twice or missing, distances that are no square, not 10 to itself, not above
  // 10 to others, beyond 254, or not the same both ways. A node without CPUs is fine.
  static Result<Topology> make(TopologySettings settings);

  // By id.
  const std::vector<TopologyNode>& nodes() const { return settings_.nodes; }
  // REQUIRES: both exist.
  unsigned distance(NodeId from, NodeId to) const;
  const std::vector<NodeId>& node_of_cpu() const { return node_of_cpu_; }
  phys::NodeMask node_mask() const;

  // The order in which requests of each node fall back to others, by node id (mm/page_alloc.c
  // find_next_best_node, build_zonelists): by distance; of equals those without CPUs first, then
  // those with higher numbers, then those that are not first in the list of others yet.
  std::vector<std::vector<NodeId>> fallback_orders() const;

  // Memory as Linux on x86-64 divides it into zones, all of it free; whole 4 MiB of each node.
  // Errors: nodes are missing between 0 and the last.
  Result<phys::MemoryStart> memory_start() const;

 private:
  explicit Topology(TopologySettings settings) : settings_(std::move(settings)) {}
  std::size_t position_of(NodeId id) const;

  TopologySettings settings_;
  std::vector<NodeId> node_of_cpu_;
};

}  // namespace ft::sim::numa
