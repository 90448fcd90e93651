// Dictionary numbers distinct 64-bit values in order of first appearance: for columns that hold few
// different values (instruction pointers, error codes with their kinds, thread ids).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ft::recording {

class Dictionary {
 public:
  Dictionary() { clear(); }

  void clear() {
    values_.clear();
    slots_.assign(kFewSlots, 0);
    last_index_ = kNone;
  }

  std::uint32_t index_of(std::uint64_t value) {
    if (last_index_ != kNone && values_[last_index_] == value) return last_index_;
    std::size_t slot = slot_of(value);
    while (slots_[slot] != 0) {
      const std::uint32_t index = slots_[slot] - 1;
      if (values_[index] == value) return last_index_ = index;
      slot = (slot + 1) & (slots_.size() - 1);
    }
    values_.push_back(value);
    slots_[slot] = static_cast<std::uint32_t>(values_.size());
    last_index_ = slots_[slot] - 1;
    if (values_.size() * 2 > slots_.size()) grow();
    return last_index_;
  }

  std::span<const std::uint64_t> values() const { return values_; }

 private:
  static constexpr std::size_t kFewSlots = 256;
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::size_t slot_of(std::uint64_t value) const {
    value *= 0x9e37'79b9'7f4a'7c15;
    return (value >> 32U) & (slots_.size() - 1);
  }

  void grow() {
    slots_.assign(slots_.size() * 2, 0);
    for (std::uint32_t i = 0; i < values_.size(); ++i) {
      std::size_t slot = slot_of(values_[i]);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = i + 1;
    }
  }

  std::vector<std::uint64_t> values_;
  std::vector<std::uint32_t> slots_;  // index + 1, 0 where free; a power of two of them
  std::uint32_t last_index_ = kNone;
};

}  // namespace ft::recording
