#include "capture/ptrace/stack_walker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <vector>

namespace ft::capture::ptrace {
namespace {

using testing::ElementsAre;

// Words at addresses; what lies between two of them reads as zero, what lies outside cannot be
// read.
class FakeMemory final : public WordSource {
 public:
  FakeMemory(std::uint64_t start, std::size_t size) : start_(start), bytes_(size) {}

  void put(std::uint64_t address, std::uint64_t word) {
    std::memcpy(bytes_.data() + (address - start_), &word, sizeof word);
  }
  // One frame at `at`: the caller's frame pointer and the return address.
  void put_frame(std::uint64_t at, std::uint64_t outer, std::uint64_t return_address) {
    put(at, outer);
    put(at + 8, return_address);
  }
  std::size_t read(std::uint64_t address, std::byte* to, std::size_t size) override {
    ++reads;
    if (address < start_ || address >= start_ + bytes_.size()) return 0;
    const std::size_t got = std::min(size, start_ + bytes_.size() - address);
    std::memcpy(to, bytes_.data() + (address - start_), got);
    return got;
  }

  int reads = 0;

 private:
  std::uint64_t start_;
  std::vector<std::byte> bytes_;
};

constexpr std::uint64_t kStack = 0x7ffd'0000'0000;
constexpr std::uint64_t kPc = 0x40'1000;

TEST(StackWalker, TakesTheCallerOfAFramelessWrapperFromTheStackPointer) {
  FakeMemory memory(kStack, 65536);
  memory.put(kStack, 0x40'2222);                           // pushed by the call of the wrapper
  memory.put_frame(kStack + 64, kStack + 256, 0x40'3333);  // the caller's own frame
  memory.put_frame(kStack + 256, 0, 0x40'4444);
  const WalkedStack stack = walk_stack(memory, kPc, kStack, kStack + 64);
  EXPECT_THAT(stack.frames(), ElementsAre(kPc, 0x40'2222, 0x40'3333, 0x40'4444));
  EXPECT_FALSE(stack.truncated);
  EXPECT_FALSE(stack.unreadable);
  EXPECT_EQ(memory.reads, 1);
}

TEST(StackWalker, AWrapperWithAFrameIsNotCountedTwice) {
  FakeMemory memory(kStack, 4096);
  memory.put(kStack, 0x40'3333);
  memory.put_frame(kStack + 16, 0, 0x40'3333);
  const WalkedStack stack = walk_stack(memory, kPc, kStack, kStack + 16);
  EXPECT_THAT(stack.frames(), ElementsAre(kPc, 0x40'3333));
}

TEST(StackWalker, RecursionIsKept) {
  FakeMemory memory(kStack, 4096);
  memory.put(kStack, 0x40'2222);
  memory.put_frame(kStack + 16, kStack + 48, 0x40'3333);
  memory.put_frame(kStack + 48, kStack + 80, 0x40'3333);
  memory.put_frame(kStack + 80, 0, 0x40'3333);
  const WalkedStack stack = walk_stack(memory, kPc, kStack, kStack + 16);
  EXPECT_THAT(stack.frames(), ElementsAre(kPc, 0x40'2222, 0x40'3333, 0x40'3333, 0x40'3333));
}

TEST(StackWalker, AFramePointerUsedForOtherThingsEndsTheWalk) {
  FakeMemory memory(kStack, 4096);
  memory.put(kStack, 0x40'2222);
  for (const std::uint64_t bp : {std::uint64_t{0}, std::uint64_t{42}, kStack + 17, kStack - 4096,
                                 kStack + 4096, ~std::uint64_t{0}, ~std::uint64_t{7}}) {
    const WalkedStack stack = walk_stack(memory, kPc, kStack, bp);
    EXPECT_THAT(stack.frames(), ElementsAre(kPc, 0x40'2222)) << std::hex << bp;
  }
}

TEST(StackWalker, ACycleOfFramesEnds) {
  FakeMemory memory(kStack, 4096);
  memory.put(kStack, 0x40'2222);
  memory.put_frame(kStack + 64, kStack + 256, 0x40'3333);
  memory.put_frame(kStack + 256, kStack + 64, 0x40'4444);
  const WalkedStack stack = walk_stack(memory, kPc, kStack, kStack + 64);
  EXPECT_THAT(stack.frames(), ElementsAre(kPc, 0x40'2222, 0x40'3333, 0x40'4444));

  memory.put_frame(kStack + 64, kStack + 64, 0x40'3333);
  EXPECT_EQ(walk_stack(memory, kPc, kStack, kStack + 64).count, 3U);
}

TEST(StackWalker, DeepStacksAreCutAndSaySo) {
  FakeMemory memory(kStack, 65536);
  memory.put(kStack, 0x40'2222);
  std::uint64_t frame = kStack + 16;
  for (int i = 0; i < 200; ++i, frame += 64) memory.put_frame(frame, frame + 64, 0x50'0000 + i);
  const WalkedStack stack = walk_stack(memory, kPc, kStack, kStack + 16);
  EXPECT_EQ(stack.count, WalkedStack::kMaxFrames);
  EXPECT_TRUE(stack.truncated);
  EXPECT_LE(memory.reads, 3);  // 46 frames of 64 bytes: windows, not words
}

TEST(StackWalker, FramesFarApartCostABoundedNumberOfReads) {
  constexpr std::uint64_t kApart = 8192;
  FakeMemory memory(kStack, kApart * 64);
  memory.put(kStack, 0x40'2222);
  std::uint64_t frame = kStack + 16;
  for (int i = 0; i < 60; ++i, frame += kApart) {
    memory.put_frame(frame, frame + kApart, 0x50'0000 + i);
  }
  const WalkedStack stack = walk_stack(memory, kPc, kStack, kStack + 16);
  EXPECT_TRUE(stack.truncated);
  EXPECT_LE(memory.reads, 24);
  EXPECT_GE(stack.count, 20U);
}

TEST(StackWalker, AStackThatCannotBeReadIsReported) {
  FakeMemory memory(kStack, 4096);
  const WalkedStack stack = walk_stack(memory, kPc, 0x1000, kStack);
  EXPECT_TRUE(stack.unreadable);
  EXPECT_THAT(stack.frames(), ElementsAre(kPc));
}

TEST(StackWalker, AFrameAtTheVeryEndOfTheStack) {
  FakeMemory memory(kStack, 4096);
  memory.put(kStack, 0x40'2222);
  memory.put_frame(kStack + 64, kStack + 4096 - 8, 0x40'3333);  // its return address lies outside
  const WalkedStack stack = walk_stack(memory, kPc, kStack, kStack + 64);
  EXPECT_THAT(stack.frames(), ElementsAre(kPc, 0x40'2222, 0x40'3333));
}

TEST(ProcessMemory, ReadsUpToTheFirstPageThatIsNotThere) {
  auto* pages = static_cast<std::byte*>(
      ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  pages[4095] = std::byte{7};
  ASSERT_EQ(::munmap(pages + 4096, 4096), 0);
  ProcessMemory memory(::getpid());
  std::vector<std::byte> bytes(2048);
  const auto end = reinterpret_cast<std::uint64_t>(pages) + 4096;
  EXPECT_EQ(memory.read(end - 100, bytes.data(), bytes.size()), 100U);
  EXPECT_EQ(bytes[99], std::byte{7});
  EXPECT_EQ(memory.read(end, bytes.data(), bytes.size()), 0U);
  EXPECT_EQ(memory.read(end - 4096, bytes.data(), bytes.size()), 2048U);
  EXPECT_EQ(memory.read(~std::uint64_t{0} - 8, bytes.data(), bytes.size()), 0U);
  ::munmap(pages, 4096);
}

}  // namespace
}  // namespace ft::capture::ptrace
