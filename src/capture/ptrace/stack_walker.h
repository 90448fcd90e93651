// Reads the calling stack of a stopped thread by its frame pointers.
//
// HotSpot keeps frame pointers, in its own code and in what it compiles; the C library does not.
// Its system call wrappers have no frame at all, so their direct caller is not on the chain: it is
// the word at the stack pointer, which is therefore taken as the second frame.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ft::capture::ptrace {

struct WalkedStack {
  static constexpr std::size_t kMaxFrames = 48;

  std::array<std::uint64_t, kMaxFrames> addresses{};  // pc, *sp, then return addresses outwards
  std::size_t count = 0;
  bool truncated = false;   // there were more frames
  bool unreadable = false;  // not even the word at the stack pointer could be read

  std::span<const std::uint64_t> frames() const { return {addresses.data(), count}; }
};

// Where a walk reads words from. The kernel's answer in production, memory of their own in tests.
class WordSource {
 public:
  virtual ~WordSource() = default;
  // Copies up to `size` bytes at `address` and returns how many could be copied from its start.
  virtual std::size_t read(std::uint64_t address, std::byte* to, std::size_t size) = 0;
};

// The memory of a process, through process_vm_readv(2).
class ProcessMemory final : public WordSource {
 public:
  explicit ProcessMemory(pid_t pid) : pid_(pid) {}
  std::size_t read(std::uint64_t address, std::byte* to, std::size_t size) override;

 private:
  pid_t pid_;
};

// Bounded: at most kMaxFrames frames and kMaxWindows reads of 2 KiB, whatever the chain looks like.
// A chain ends where it leaves user space, turns inwards, or is out of line.
WalkedStack walk_stack(WordSource& memory, std::uint64_t pc, std::uint64_t sp, std::uint64_t bp);

}  // namespace ft::capture::ptrace
