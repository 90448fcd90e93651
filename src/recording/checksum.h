// The 64-bit checksum of chunks and rows. Each step is a bijection of the state and of the word it
// takes in, so a change confined to one aligned 8-byte word is always found; wider damage goes
// unnoticed with odds of 2^-64. It guards against decay, not against forgery.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace ft::recording {

class Checksum {
 public:
  constexpr explicit Checksum(std::uint64_t seed = 0) : state_(seed ^ 0x6674'7265'636f'7264) {}

  constexpr void word(std::uint64_t value) {
    state_ = (state_ ^ value) * 0x9e37'79b9'7f4a'7c15;
    state_ ^= state_ >> 32U;
  }

  // The length first, then little-endian words, the last one filled up with zeros.
  void bytes(std::string_view bytes) {
    word(bytes.size());
    while (!bytes.empty()) {
      std::uint64_t value = 0;
      const std::size_t taken = bytes.size() < 8 ? bytes.size() : 8;
      std::memcpy(&value, bytes.data(), taken);
      word(value);
      bytes.remove_prefix(taken);
    }
  }

  constexpr std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_;
};

inline std::uint64_t checksum_of(std::string_view bytes) {
  Checksum checksum;
  checksum.bytes(bytes);
  return checksum.value();
}

}  // namespace ft::recording
