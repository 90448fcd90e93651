#include "capture/ptrace/stack_walker.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/units.h"

namespace ft::capture::ptrace {

namespace {

constexpr std::size_t kWindow = 2048;
constexpr int kMaxWindows = 24;
constexpr std::uint64_t kUserEnd =
    0x00ff'ffff'ffff'f000;  // five-level paging's; four-level's is below

// The part of the stack that was read last. Frames lie close together and outwards, so most words
// of a walk come from one or two windows.
class Window {
 public:
  explicit Window(WordSource& memory) : memory_(memory) {}

  std::optional<std::uint64_t> word_at(std::uint64_t address) {
    if (address < start_ || address + 8 > start_ + size_) {
      if (reads_ == kMaxWindows) return std::nullopt;
      ++reads_;
      start_ = address;
      size_ = memory_.read(address, bytes_.data(), bytes_.size());
      if (size_ < 8) return std::nullopt;
    }
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_.data() + (address - start_), sizeof word);
    return word;
  }

  bool exhausted() const { return reads_ == kMaxWindows; }

 private:
  WordSource& memory_;
  std::uint64_t start_ = 0;
  std::size_t size_ = 0;
  int reads_ = 0;
  std::array<std::byte, kWindow> bytes_;
};

bool is_user_address(std::uint64_t address) {
  return address >= kPageSize && address < kUserEnd;
}

}  // namespace

std::size_t ProcessMemory::read(std::uint64_t address, std::byte* to, std::size_t size) {
  // One part a page: a transfer stops at the first part that cannot be read whole.
  const std::size_t first = std::min<std::size_t>(size, kPageSize - address % kPageSize);
  const std::array<iovec, 2> remote = {
      iovec{reinterpret_cast<void*>(address), first},
      iovec{reinterpret_cast<void*>(address + first), size - first}};
  const iovec local{to, size};
  const ssize_t got = ::process_vm_readv(pid_, &local, 1, remote.data(), size > first ? 2 : 1, 0);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

WalkedStack walk_stack(WordSource& memory, std::uint64_t pc, std::uint64_t sp, std::uint64_t bp) {
  WalkedStack stack;
  const auto add = [&](std::uint64_t address) { stack.addresses[stack.count++] = address; };
  Window window(memory);
  add(pc);
  const std::optional<std::uint64_t> caller = window.word_at(sp);
  stack.unreadable = !caller;
  if (!caller) return stack;
  if (is_user_address(*caller)) add(*caller);

  std::uint64_t frame = bp;
  std::uint64_t inner = sp;
  // A frame is its caller's frame pointer, then the return address.
  while (frame >= inner && frame % 8 == 0 && is_user_address(frame)) {
    const auto outer = window.word_at(frame);
    const auto return_address = window.word_at(frame + 8);
    if (!outer || !return_address || !is_user_address(*return_address)) break;
    // A wrapper that did set up a frame has its caller at the chain's first link as well.
    const bool already_there = stack.count == 2 && stack.addresses[1] == *return_address;
    if (!already_there) {
      if (stack.count == WalkedStack::kMaxFrames) {
        stack.truncated = true;
        break;
      }
      add(*return_address);
    }
    inner = frame + 16;
    frame = *outer;
  }
  if (window.exhausted()) stack.truncated = true;
  return stack;
}

}  // namespace ft::capture::ptrace
