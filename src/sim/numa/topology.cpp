#include "sim/numa/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/units.h"

namespace ft::sim::numa {

namespace {

constexpr unsigned kMostDistance = 254;  // 255 says unreachable
constexpr std::uint32_t kMostCpus = 8192;

std::string name_of(const TopologyNode& node) {
  return fmt::format("node {}", node.id);
}

Result<void> validate_nodes(const std::vector<TopologyNode>& nodes) {
  if (nodes.empty()) return fail("topology", "it has no node");
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const TopologyNode& node = nodes[i];
    if (node.id >= phys::kMostNodes) {
      return fail(name_of(node), fmt::format("nodes are numbered 0 to {}", phys::kMostNodes - 1));
    }
    if (i != 0 && nodes[i - 1].id == node.id) return fail(name_of(node), "it is there twice");
    if (node.memory_bytes == 0) {
      return fail(name_of(node), "it has no memory", "leave it out, or give it some");
    }
  }
  return {};
}

// By CPU. CPUs are numbered from 0 without gaps.
Result<std::vector<NodeId>> nodes_of_cpus(const std::vector<TopologyNode>& nodes) {
  std::vector<std::optional<NodeId>> found;
  for (const TopologyNode& node : nodes) {
    for (const std::uint32_t cpu : node.cpus) {
      if (cpu >= kMostCpus) {
        return fail(name_of(node),
                    fmt::format("CPU {}: the model takes 0 to {}", cpu, kMostCpus - 1));
      }
      if (cpu >= found.size()) found.resize(cpu + 1);
      if (found[cpu]) {
        return fail(name_of(node),
                    fmt::format("CPU {} belongs to node {} already", cpu, *found[cpu]));
      }
      found[cpu] = node.id;
    }
  }
  if (found.empty()) return fail("topology", "no node has a CPU");
  std::vector<NodeId> all;
  for (std::size_t cpu = 0; cpu < found.size(); ++cpu) {
    if (!found[cpu]) return fail("topology", fmt::format("CPU {} belongs to no node", cpu));
    all.push_back(*found[cpu]);
  }
  return all;
}

Result<void> validate_distances(const TopologySettings& settings) {
  const std::size_t count = settings.nodes.size();
  const auto& distances = settings.distances;
  if (distances.size() != count) {
    return fail("distances", fmt::format("{} rows for {} nodes", distances.size(), count));
  }
  for (std::size_t from = 0; from < count; ++from) {
    if (distances[from].size() != count) {
      return fail("distances", fmt::format("{} columns in row {} for {} nodes",
                                           distances[from].size(), from, count));
    }
  }
  for (std::size_t from = 0; from < count; ++from) {
    for (std::size_t to = 0; to < count; ++to) {
      const unsigned distance = distances[from][to];
      const std::string what = fmt::format("distance from node {} to node {}",
                                           settings.nodes[from].id, settings.nodes[to].id);
      if (from == to && distance != kLocalDistance) {
        return fail(what, fmt::format("{}; a node is {} from itself", distance, kLocalDistance));
      }
      if (from != to && (distance <= kLocalDistance || distance > kMostDistance)) {
        return fail(what, fmt::format("{}; {} to {} are allowed", distance, kLocalDistance + 1,
                                      kMostDistance));
      }
      if (distance != distances[to][from]) {
        return fail(what, fmt::format("{}, but {} the other way", distance, distances[to][from]));
      }
    }
  }
  return {};
}

}  // namespace

Result<Topology> Topology::make(TopologySettings settings) {
  if (settings.distances.empty()) {
    const std::size_t count = settings.nodes.size();
    settings.distances.assign(count, std::vector<unsigned>(count, kRemoteDistance));
    for (std::size_t i = 0; i < count; ++i) settings.distances[i][i] = kLocalDistance;
  }
  if (!std::ranges::is_sorted(settings.nodes, {}, &TopologyNode::id)) {
    return fail("topology", "its nodes are not in order of their numbers");
  }
  FT_TRY_VOID(validate_nodes(settings.nodes));
  FT_TRY_VOID(validate_distances(settings));
  Topology topology(std::move(settings));
  topology.node_of_cpu_ = FT_TRY(nodes_of_cpus(topology.settings_.nodes));
  return topology;
}

std::size_t Topology::position_of(NodeId id) const {
  const auto found = std::ranges::find(settings_.nodes, id, &TopologyNode::id);
  FT_CHECK(found != settings_.nodes.end());
  return static_cast<std::size_t>(found - settings_.nodes.begin());
}

unsigned Topology::distance(NodeId from, NodeId to) const {
  return settings_.distances[position_of(from)][position_of(to)];
}

phys::NodeMask Topology::node_mask() const {
  phys::NodeMask mask;
  for (const TopologyNode& node : settings_.nodes) mask.set(node.id);
  return mask;
}

std::vector<std::vector<NodeId>> Topology::fallback_orders() const {
  constexpr unsigned kMaxNumNodes = 1024;  // CONFIG_NODES_SHIFT=10, as distributions build it
  const auto& nodes = settings_.nodes;
  const std::size_t count = nodes.size();
  std::vector<unsigned> load(count, 0);  // how often a node was the first of its distance

  // Those that do not exist have nothing to fall back to but all others in order.
  std::vector<NodeId> by_number;
  for (const TopologyNode& node : nodes) by_number.push_back(node.id);
  std::vector<std::vector<NodeId>> orders(nodes.back().id + 1, by_number);

  for (std::size_t own = 0; own < count; ++own) {
    std::vector<bool> used(count, false);
    std::vector<NodeId> order;
    std::size_t previous = own;
    for (std::size_t step = 0; step < count; ++step) {
      std::size_t best = own;
      unsigned least = std::numeric_limits<unsigned>::max();
      for (std::size_t n = 0; n < count && step != 0; ++n) {
        if (used[n]) continue;
        unsigned value = settings_.distances[own][n];
        if (nodes[n].id < nodes[own].id) ++value;
        if (!nodes[n].cpus.empty()) ++value;  // PENALTY_FOR_NODE_WITH_CPUS
        value = value * kMaxNumNodes + load[n];
        if (value < least) {
          least = value;
          best = n;
        }
      }
      if (settings_.distances[own][best] != settings_.distances[own][previous]) ++load[best];
      used[best] = true;
      order.push_back(nodes[best].id);
      previous = best;
    }
    orders[nodes[own].id] = std::move(order);
  }
  return orders;
}

Result<phys::MemoryStart> Topology::memory_start() const {
  constexpr std::uint64_t kGrain = phys::kMaxBlockPages * kPageSize;
  std::vector<phys::NodeSize> sizes(settings_.nodes.back().id + 1);
  for (const TopologyNode& node : settings_.nodes) {
    sizes[node.id] = {.bytes = node.memory_bytes / kGrain * kGrain, .cpus = node.cpus.size()};
  }
  for (NodeId id = 0; id < sizes.size(); ++id) {
    if (sizes[id].bytes == 0) {
      return fail(fmt::format("node {}", id), "it is missing, or has less than 4 MiB",
                  "number the nodes from 0 without gaps");
    }
  }
  phys::MemoryStart start = FT_TRY(phys::plain_memory(sizes));
  start.node_of_cpu = node_of_cpu_;
  start.fallback_order = fallback_orders();
  return start;
}

}  // namespace ft::sim::numa
