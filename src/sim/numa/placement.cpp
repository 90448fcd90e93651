#include "sim/numa/placement.h"

#include <algorithm>

namespace ft::sim::numa {

using phys::FrameUse;
using phys::MaybeFrame;
using phys::Memory;
using phys::Request;

void Placement::set_task_policy(const Policy& policy) {
  task_policy_ = policy;
  if (policy.mode == Mode::Interleave || policy.mode == Mode::WeightedInterleave) {
    last_node_ = phys::kMostNodes - 1;
    left_ = 0;
  }
}

MaybeFrame Placement::place(Memory& memory, unsigned order, FrameUse use) {
  // Pages of hugetlb come from a pool that was filled before.
  if (order > phys::kMaxOrder) return memory.allocate_gigantic(order);
  const Request request = memory.usual_request(order, use);
  if (use != FrameUse::Anonymous) return allocate(memory, request, task_policy_, std::nullopt);
  return allocate(memory, request, place_.policy ? *place_.policy : task_policy_,
                  interleave_index(place_.page_offset, place_.offset, order));
}

// interleave_nodes
NodeId Placement::next_interleaved(NodeMask nodes) {
  last_node_ = nodes.next_around(last_node_);
  return last_node_;
}

// weighted_interleave_nodes
NodeId Placement::next_weighted(NodeMask nodes) {
  if (left_ == 0 || !nodes.contains(last_node_)) {
    last_node_ = nodes.next_around(last_node_);
    left_ = std::max<std::uint64_t>(weights_[last_node_], 1);
  }
  --left_;
  return last_node_;
}

MaybeFrame Placement::allocate(Memory& memory, Request request, const Policy& policy,
                               std::optional<std::uint64_t> index) {
  // policy_nodemask
  NodeId node = memory.node();
  NodeMask allowed = NodeMask::all();
  bool interleaved = false;
  switch (policy.mode) {
    case Mode::Default:
    case Mode::Local:
      break;
    case Mode::Preferred:
      node = policy.nodes.first();
      break;
    case Mode::Bind:
    case Mode::PreferredMany:
      allowed = policy.nodes;
      node = policy.home_node.value_or(node);
      break;
    case Mode::Interleave:
      interleaved = true;
      node = index ? interleave_node(policy.nodes, *index) : next_interleaved(policy.nodes);
      break;
    case Mode::WeightedInterleave:
      interleaved = true;
      node = index ? weighted_interleave_node(policy.nodes, weights_, *index)
                   : next_weighted(policy.nodes);
      break;
  }
  request.node = node;
  request.nodes = allowed;

  if (policy.mode == Mode::PreferredMany) {
    Request here = request;  // alloc_pages_preferred_many
    here.reclaims = false;
    if (const auto first = memory.request(here)) return first;
    request.nodes = NodeMask::all();
    return memory.request(request);
  }

  // A huge page far away costs more than it spares: first on the node itself, without reclaim.
  if (request.order == phys::kHugeOrder && index && !interleaved && allowed.contains(node)) {
    Request here = request;
    here.nodes = NodeMask::all();
    here.this_node_only = true;
    here.one_try = true;
    const auto first = memory.request(here);
    if (first || !request.reclaims) return first;
  }

  const auto first = memory.request(request);
  if (first && policy.mode == Mode::Interleave && memory.zone_of(*first).node() == node) {
    memory.count_interleave_hit(*first);
  }
  return first;
}

}  // namespace ft::sim::numa
