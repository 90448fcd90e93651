// SyscallForesight foretells the arguments and the result of a system call from the calls before
// it, so that a chunk need only hold what differs: programs make the same calls over and over, on
// memory they were just given. The rules are part of the format (docs/recording-format.md).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "event/event.h"
#include "recording/column.h"

namespace ft::recording {

// What a call's arguments and result differ from what was foretold by, coded.
struct SyscallSurprise {
  std::array<std::uint64_t, 6> args;
  std::uint64_t ret;
};

// Callers and sorts of call are known by number, counted from 0. A sort is a system call's number
// together with whether the call finished.
class SyscallForesight {
 public:
  void clear();
  void add_caller() { last_addresses_.push_back(0); }
  // False where the call is none that recordings hold.
  bool add_sort(event::SyscallNumber number);

  // Both take note of the call.
  SyscallSurprise code(std::size_t sort, std::size_t caller, std::span<const std::uint64_t, 6> args,
                       std::int64_t ret);
  void decode(std::size_t sort, std::size_t caller, const SyscallSurprise& surprise,
              std::array<std::uint64_t, 6>& args, std::int64_t& ret);

 private:
  struct Sort {
    std::array<std::uint64_t, 6> args{};  // of the last call
    std::uint64_t ret = 0;                // likewise
    std::uint64_t placed = 0;             // where the last call put memory
    std::uint8_t addr = kNone;            // which argument is an address
    std::uint8_t length = kNone;
    bool places_memory = false;  // the result is an address
  };
  static constexpr std::uint8_t kNone = 0xff;

  static std::uint64_t expected_ret(const Sort& sort, std::span<const std::uint64_t, 6> args);
  static void note(Sort& sort, std::uint64_t& last_address, std::span<const std::uint64_t, 6> args,
                   std::uint64_t ret);

  std::vector<Sort> sorts_;
  std::vector<std::uint64_t> last_addresses_;  // by caller
};

}  // namespace ft::recording
