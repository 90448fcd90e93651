// System calls as programs make them, for tests and benchmarks: memory mapped, protected, removed.
#pragma once

#include <cstdint>
#include <vector>

#include "event/event.h"

namespace ft::recording {

// By four threads in turn, each call 13 microseconds after the one before.
inline std::vector<event::Syscall> mapping_calls(std::size_t count) {
  using event::SyscallNumber;
  std::vector<event::Syscall> calls;
  calls.reserve(count);
  std::uint64_t address = 0x7f00'0000'0000;
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < count; ++i) {
    event::Syscall call{.ts = static_cast<Nanoseconds>(i) * 13'000,
                        .dur = static_cast<Nanoseconds>(2 + i * i % 7) * 1000,
                        .tid = static_cast<event::Tid>(4000 + i / 3 % 4),
                        .pid = 4000};
    switch (i % 3) {
      case 0:
        length = std::uint64_t{4096} << (i * i % 11);
        address -= length;
        call.number = SyscallNumber::Mmap;
        call.args = {0, length, 3, 0x4022, ~std::uint64_t{0}, 0};
        call.ret = static_cast<std::int64_t>(address);
        break;
      case 1:
        call.number = SyscallNumber::Mprotect;
        call.args = {address, 4096, 0};
        break;
      default:
        call.number = SyscallNumber::Munmap;
        call.args = {address, length};
        break;
    }
    calls.push_back(call);
  }
  return calls;
}

}  // namespace ft::recording
