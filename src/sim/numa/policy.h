// Policy says on which nodes pages shall be: what mbind(2) gives an area and set_mempolicy(2) a
// task (struct mempolicy, mm/mempolicy.c).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "sim/phys/node_mask.h"

namespace ft::sim::numa {

using phys::NodeId;
using phys::NodeMask;

// Values of include/uapi/linux/mempolicy.h.
enum class Mode : std::uint8_t {
  Default = 0,  // none: that of the task, or else local
  Preferred = 1,
  Bind = 2,
  Interleave = 3,
  Local = 4,
  PreferredMany = 5,
  WeightedInterleave = 6,  // since 6.9
};

// /sys/kernel/mm/mempolicy/weighted_interleave: by node; 0 counts as 1.
using Weights = std::array<std::uint8_t, phys::kMostNodes>;

struct Policy {
  Mode mode = Mode::Local;
  NodeMask nodes;
  std::optional<NodeId> home_node;  // set_mempolicy_home_node(2), of Bind and PreferredMany

  // What the system calls make of mode and nodes, of which those in `with_memory` count; empty is
  // -EINVAL: nodes where there must be none, none where there must be some. Preferred keeps its
  // first node, and without any is Local. Default is no policy: it gives Local here.
  static std::optional<Policy> make(Mode mode, NodeMask nodes, NodeMask with_memory);

  bool operator==(const Policy&) const = default;
};

// The node of the index-th page of an interleaved area; it depends on the index only, so not on
// the order in which pages are touched. REQUIRES: !nodes.empty().
NodeId interleave_node(NodeMask nodes, std::uint64_t index);
NodeId weighted_interleave_node(NodeMask nodes, const Weights& weights, std::uint64_t index);

// Index of the block of `order` at `offset` bytes into an area that begins at page `page_offset`
// of its file; of anonymous memory that is the number of its first page (vm_pgoff).
constexpr std::uint64_t interleave_index(std::uint64_t page_offset, std::uint64_t offset,
                                         unsigned order) {
  return (page_offset >> order) + (offset >> (12 + order));
}

}  // namespace ft::sim::numa
