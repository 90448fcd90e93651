// What an instruction came to, on either side.
#pragma once

#include <cstdint>
#include <string>

#include "instruction.h"
#include "tracee.h"

namespace ft::differential {

struct Effect {
  std::int64_t value = 0;  // of a system call: as the kernel returns it
  TouchEnd end = TouchEnd::Done;
  bool absent = false;  // there was nobody to do it

  bool operator==(const Effect&) const = default;
};

// "0x7ffff7e00000", "-12 (Cannot allocate memory)", "SIGBUS"
std::string describe(const Effect& effect, const Instruction& instruction);

// At most so many processes at a time: each is read after every instruction.
inline constexpr std::size_t kMostProcesses = 4;

}  // namespace ft::differential
