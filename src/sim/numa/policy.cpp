#include "sim/numa/policy.h"

#include <algorithm>

namespace ft::sim::numa {

std::optional<Policy> Policy::make(Mode mode, NodeMask nodes, NodeMask with_memory) {
  switch (mode) {
    case Mode::Default:
    case Mode::Local:
      if (!nodes.empty()) return std::nullopt;
      return Policy{};
    case Mode::Preferred: {
      if (nodes.empty()) return Policy{};
      const NodeMask usable = nodes & with_memory;
      if (usable.empty()) return std::nullopt;
      NodeMask first;
      first.set(usable.first());
      return Policy{.mode = mode, .nodes = first};
    }
    case Mode::Bind:
    case Mode::Interleave:
    case Mode::PreferredMany:
    case Mode::WeightedInterleave:
      break;
  }
  const NodeMask usable = nodes & with_memory;
  if (usable.empty()) return std::nullopt;
  return Policy{.mode = mode, .nodes = usable};
}

NodeId interleave_node(NodeMask nodes, std::uint64_t index) {
  return nodes.nth(index % nodes.size());
}

NodeId weighted_interleave_node(NodeMask nodes, const Weights& weights, std::uint64_t index) {
  const auto weight_of = [&](NodeId node) { return std::max<std::uint64_t>(weights[node], 1); };
  std::uint64_t total = 0;
  NodeId node = nodes.first();
  for (unsigned i = 0; i < nodes.size(); ++i, node = nodes.next_around(node)) {
    total += weight_of(node);
  }
  std::uint64_t target = index % total;
  for (node = nodes.first(); target >= weight_of(node); node = nodes.next_around(node)) {
    target -= weight_of(node);
  }
  return node;
}

}  // namespace ft::sim::numa
