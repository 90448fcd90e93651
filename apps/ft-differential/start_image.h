// The smallest program the kernel can execute: one page with the stub, put together by hand.
#pragma once

#include <cstdint>
#include <vector>

namespace ft::differential {

// Offsets into the stub's code. Each does one thing and stops by int3.
inline constexpr std::uint64_t kStubSyscall = 0;  // syscall
inline constexpr std::uint64_t kStubRead = 3;     // mov (%rdi),%al
// Not zero: a block that is taken apart loses its pages of zeros, and the model takes what was
// written to for anything else.
inline constexpr std::uint64_t kStubWrite = 6;  // movb $1,(%rdi)
inline constexpr std::uint8_t kStubCode[16] = {0x0f, 0x05, 0xcc, 0x8a, 0x07, 0xcc, 0xc6, 0x07,
                                               0x01, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc};

// Where the image lies, and within it the stub. The break begins behind it.
inline constexpr std::uint64_t kImageAddress = 0x40000000;
inline constexpr std::uint64_t kImageStub = kImageAddress + 0x800;

// An ELF file of one page: one segment, readable and executable.
std::vector<std::uint8_t> make_start_image();

}  // namespace ft::differential
