// Tracee is a process that does nothing by itself: the parent puts each system call and each access
// into its registers and lets it run until that one is done. It has no stack frame, no libc and no
// signal handler, so that nothing but the program under test touches its memory. All it needs is
// one page of code, kStub, which programs must leave alone.
//
// Signals stop it before anything is delivered; SIGSEGV and SIGBUS are the outcome of an access.
// The parent must drive it from the thread that started it. It dies with its Tracee.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/range.h"
#include "base/result.h"
#include "instruction.h"

namespace ft::differential {

// The page of code.
inline constexpr AddressRange kStub = {0x100000, 0x101000};
// The page of the arguments, at the top of the stack. Anybody who lists processes reads it, and by
// that brings it into memory: so nothing may be there.
inline constexpr AddressRange kArgumentPage = {0x7fffffffe000, 0x7ffffffff000};
// End of the addresses that programs use: user space with four levels of page tables.
inline constexpr std::uint64_t kUserEnd = 0x7ffffffff000;
// Descriptors of a program's files in the process: this one for file 0, and so on.
inline constexpr int kFirstFile = 10;
inline constexpr int kNotOpen = 999;

enum class TouchEnd : std::uint8_t { Done, SegvMapError, SegvAccessError, BusError };

std::string_view name_of(TouchEnd end);

class Tracee {
 public:
  using Arguments = std::array<std::uint64_t, 6>;

  // A new process with `files` open, an empty memory but for the stub, an untouched stack, and the
  // kernel's own areas. Its address layout is not random.
  static Result<Tracee> start(const Start& start, std::span<const int> files);

  Tracee(Tracee&& other) noexcept;
  Tracee& operator=(Tracee&& other) noexcept;
  ~Tracee();

  pid_t pid() const { return pid_; }

  // The value or -errno.
  Result<std::int64_t> call(long number, const Arguments& arguments);
  Result<TouchEnd> touch(std::uint64_t address, Access access);
  // A copy of this process by fork(2), or its errno.
  Result<std::expected<Tracee, int>> fork();

  // Kills it and waits for its end.
  void end();

 private:
  explicit Tracee(pid_t pid) : pid_(pid) {}

  // Frees its memory of the image it was started from.
  Result<void> settle();
  Result<int> run(const user_regs_struct& registers);
  Result<int> wait();
  Result<user_regs_struct> registers() const;

  pid_t pid_ = -1;
  std::uint64_t code_ = 0;  // where the stub is
  user_regs_struct base_{};
};

}  // namespace ft::differential
