// NodeMask is a set of NUMA nodes, 0 to 63.
#pragma once

#include <bit>
#include <cstdint>

namespace ft::sim::phys {

using NodeId = std::uint32_t;
inline constexpr NodeId kMostNodes = 64;

class NodeMask {
 public:
  constexpr NodeMask() = default;
  static constexpr NodeMask of_bits(std::uint64_t bits) { return NodeMask(bits); }
  static constexpr NodeMask all() { return NodeMask(~std::uint64_t{0}); }

  // REQUIRES: node < kMostNodes.
  constexpr void set(NodeId node) { bits_ |= std::uint64_t{1} << node; }
  constexpr bool contains(NodeId node) const {
    return node < kMostNodes && (bits_ >> node & 1U) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr unsigned size() const { return static_cast<unsigned>(std::popcount(bits_)); }
  constexpr std::uint64_t bits() const { return bits_; }
  constexpr NodeMask operator&(NodeMask other) const { return NodeMask(bits_ & other.bits_); }
  constexpr bool operator==(const NodeMask&) const = default;

  // REQUIRES: !empty().
  constexpr NodeId first() const { return static_cast<NodeId>(std::countr_zero(bits_)); }
  // The next one above `node`, around the end to the first (next_node_in). REQUIRES: !empty().
  constexpr NodeId next_around(NodeId node) const {
    const std::uint64_t above = node + 1 < kMostNodes ? bits_ >> (node + 1) << (node + 1) : 0;
    return above != 0 ? static_cast<NodeId>(std::countr_zero(above)) : first();
  }
  // The n-th set one, from 0. REQUIRES: n < size().
  constexpr NodeId nth(std::uint64_t n) const {
    std::uint64_t left = bits_;
    for (; n != 0; --n) left &= left - 1;
    return static_cast<NodeId>(std::countr_zero(left));
  }

 private:
  constexpr explicit NodeMask(std::uint64_t bits) : bits_(bits) {}

  std::uint64_t bits_ = 0;
};

}  // namespace ft::sim::phys
