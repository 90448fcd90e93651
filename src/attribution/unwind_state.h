// What unwinding works on: the registers of a frame, as far as they are known, and the copy of the
// stack they point into.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace ft::attribution {

// DWARF's numbers of x86-64 registers (System V ABI, table 3.36) that a walk has use for.
inline constexpr unsigned kRbp = 6;
inline constexpr unsigned kRsp = 7;
inline constexpr unsigned kReturnAddress = 16;  // also the pc of the frame itself
inline constexpr unsigned kRegisterCount = 17;  // vector registers and flags are never followed

using UnwindRegisters = std::array<std::optional<std::uint64_t>, kRegisterCount>;

// StackMemory is the target's memory as far as it was copied. It remembers whether somebody wanted
// to read above the copy: then a walk that failed failed because the copy was too short.
class StackMemory {
 public:
  // Further above the copy than any stack reaches, an address is no sign of a short copy.
  static constexpr std::uint64_t kLargestStack = std::uint64_t{64} << 20U;

  StackMemory(std::uint64_t start, std::span<const std::byte> bytes)
      : start_(start), bytes_(bytes) {}

  std::optional<std::uint64_t> read(std::uint64_t address) {
    std::uint64_t value = 0;
    const std::uint64_t offset = address - start_;  // wraps below the copy
    if (bytes_.size() < sizeof value || offset > bytes_.size() - sizeof value) {
      ended_ = ended_ || (address >= start_ && offset < kLargestStack);
      return std::nullopt;
    }
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

  bool wanted_more() const { return ended_; }

 private:
  std::uint64_t start_;
  std::span<const std::byte> bytes_;
  bool ended_ = false;
};

}  // namespace ft::attribution
