// Which entry of a full set goes.
#pragma once

#include <cstdint>

namespace ft::sim::tlb {

enum class Replacement : std::uint8_t {
  Lru,       // the one used longest ago
  TreePlru,  // a binary tree of bits, each pointing away from the half used last
};

}  // namespace ft::sim::tlb
