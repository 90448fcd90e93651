// Random numbers that are the same on every machine and with every standard library.
// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (SplitMix64).
#pragma once

#include <cstdint>

namespace ft::sim::tlb {

class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() { return mixed(state_ += 0x9e3779b97f4a7c15U); }

  // 0 .. below-1, each as likely to within below/2^64. REQUIRES: below > 0.
  constexpr std::uint64_t below(std::uint64_t below) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{next()} * below) >> 64U);
  }

  // [0, 1)
  constexpr double unit() { return static_cast<double>(next() >> 11U) * 0x1p-53; }

  static constexpr std::uint64_t mixed(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
  }

 private:
  std::uint64_t state_;
};

}  // namespace ft::sim::tlb
