// Random is the generator's source of numbers: the same for a seed on every machine and with every
// standard library, which std:: distributions are not.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "base/check.h"

namespace ft::differential {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // splitmix64
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
    return z ^ (z >> 31U);
  }

  // 0 to bound - 1. The bias is of no concern here. REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    FT_CHECK(bound > 0);
    return next() % bound;
  }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + below(most - least + 1);
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  template <typename T>
  T pick(std::initializer_list<T> choices) {
    return *(choices.begin() + below(choices.size()));
  }
  template <typename T>
  const T& pick(std::span<const T> choices) {
    return choices[below(choices.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace ft::differential
