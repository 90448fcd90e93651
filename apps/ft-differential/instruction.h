// The language of the differential test: one instruction is one system call or access of one
// process, with any arguments, also such as the kernel refuses. Every instruction prints as the C++
// that makes it, so that a program which showed a mismatch becomes a regression test by pasting.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sim/fault/outcome.h"

namespace ft::differential {

using sim::fault::Access;

// Files of a program by their place in Program::files.
inline constexpr int kNoFile = -1;   // the call gets descriptor -1
inline constexpr int kBadFile = -2;  // it gets a descriptor that is not open

// `process` says who acts: 0 is the first, each Fork adds the next number. An instruction of a
// process that is not there does nothing, on either side.
struct Mmap {
  unsigned process = 0;
  std::uint64_t addr = 0;
  std::uint64_t length = 0;
  std::uint64_t prot = 0;
  std::uint64_t flags = 0;
  int file = kNoFile;
  std::uint64_t offset = 0;
};

struct Munmap {
  unsigned process = 0;
  std::uint64_t addr = 0;
  std::uint64_t length = 0;
};

struct Mprotect {
  unsigned process = 0;
  std::uint64_t addr = 0;
  std::uint64_t length = 0;
  std::uint64_t prot = 0;
};

struct Madvise {
  unsigned process = 0;
  std::uint64_t addr = 0;
  std::uint64_t length = 0;
  int advice = 0;
};

struct Mremap {
  unsigned process = 0;
  std::uint64_t addr = 0;
  std::uint64_t old_length = 0;
  std::uint64_t new_length = 0;
  std::uint64_t flags = 0;
  std::uint64_t new_addr = 0;
};

struct Brk {
  unsigned process = 0;
  std::uint64_t addr = 0;
};

struct Mlock {
  unsigned process = 0;
  std::uint64_t addr = 0;
  std::uint64_t length = 0;
  std::uint64_t flags = 0;  // mlock2's
};

struct Munlock {
  unsigned process = 0;
  std::uint64_t addr = 0;
  std::uint64_t length = 0;
};

struct Mseal {
  unsigned process = 0;
  std::uint64_t addr = 0;
  std::uint64_t length = 0;
  std::uint64_t flags = 0;
};

// One access each to `pages` pages from `addr` on; ends with the first that raises a signal.
struct Touch {
  unsigned process = 0;
  std::uint64_t addr = 0;
  Access access = Access::Read;
  unsigned pages = 1;
};

struct Fork {
  unsigned process = 0;
};

// The process is killed and waited for. The first process stays.
struct Exit {
  unsigned process = 0;
};

struct Ftruncate {
  int file = 0;
  std::uint64_t size = 0;
};

using Instruction = std::variant<Mmap, Munmap, Mprotect, Madvise, Mremap, Brk, Mlock, Munlock,
                                 Mseal, Touch, Fork, Exit, Ftruncate>;

struct File {
  enum class Kind : std::uint8_t {
    Memory,  // memfd: tmpfs, pages of its own, allocated by faults
    Disk,    // of a disk filesystem, wholly in the page cache in single pages; only read
  };
  enum class Mode : std::uint8_t { ReadWrite, ReadOnly, WriteOnly };

  Kind kind = Kind::Memory;
  Mode mode = Mode::ReadWrite;
  std::uint64_t size = 0;  // bytes, all zero
};

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

// What the first process is given.
struct Start {
  std::uint64_t address_space_limit = kUnlimited;  // RLIMIT_AS, bytes
  std::uint64_t data_limit = kUnlimited;           // RLIMIT_DATA
  std::uint64_t stack_limit = 8ULL << 20U;         // RLIMIT_STACK: also moves mmap_base
  std::uint64_t memlock_limit = 8ULL << 20U;       // RLIMIT_MEMLOCK
  bool privileged = true;                          // false: no capabilities
};

struct Program {
  Start start = {};
  std::vector<File> files = {};
  std::vector<Instruction> instructions = {};
};

// "Munmap{.addr = 0x7ffff7e00000, .length = 0x1000}"
std::string to_cpp(const Instruction& instruction);

// The whole test: "TEST(DifferentialRegressions, NAME) { expect_agreement({...}); }"
std::string to_cpp(const Program& program, const std::string& name);

// The process that acts; none for an instruction about a file.
const unsigned* process_of(const Instruction& instruction);

}  // namespace ft::differential
