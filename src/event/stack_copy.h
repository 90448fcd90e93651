// What a stack can be unwound from after the run: the registers of a thread at a system call and a
// copy of the memory above its stack pointer. Too large to keep; consumed when a recording closes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "event/event.h"

namespace ft::event {

struct StackCopy {
  StackId stack = kNoStack;  // the stack whose frames the unwinder is to find
  Pid pid = 0;
  Nanoseconds ts = 0;
  // By DWARF number: rax rdx rcx rbx rsi rdi rbp rsp r8..r15, then rip (System V ABI, x86-64).
  std::array<std::uint64_t, 17> registers{};
  std::vector<std::byte> memory;  // from rsp upwards

  std::uint64_t stack_pointer() const { return registers[7]; }
  std::uint64_t instruction_pointer() const { return registers[16]; }
};

}  // namespace ft::event
