#include "capture/bpf/message_decoder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "event/memory_trace.h"

namespace ft::capture::bpf {
namespace {

template <typename Message>
std::span<const std::byte> bytes_of(const Message& message) {
  return {reinterpret_cast<const std::byte*>(&message), sizeof(message)};
}

class MessageDecoderTest : public testing::Test {
 protected:
  static constexpr Nanoseconds kStart = 1000;

  ft_fault_batch batch_of(std::vector<ft_fault> faults) {
    ft_fault_batch batch{};
    batch.kind = FT_FAULTS;
    batch.count = static_cast<std::uint32_t>(faults.size());
    std::copy(faults.begin(), faults.end(), batch.faults);
    return batch;
  }

  std::vector<event::Fault> faults() {
    std::vector<event::Fault> all;
    EXPECT_TRUE(trace_.faults([&](auto batch) { all.assign(batch.begin(), batch.end()); }));
    return all;
  }

  event::MemoryTrace trace_;
  MessageDecoder decoder_{kStart, PageFrames{.base = 0x1000, .struct_size = 64}, trace_, {}};
};

TEST_F(MessageDecoderTest, TurnsPagePointersIntoFrames) {
  ft_fault raw{};
  raw.ts = 5000;
  raw.dur = 700;
  raw.addr = 0x600000000;
  raw.tid = 7;
  raw.page = 0x1000 + 64 * 42;
  raw.block = 9 | 1 << 4;
  decoder_.decode(bytes_of(batch_of({raw})));

  const auto seen = faults();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].ts, 4000);
  EXPECT_EQ(seen[0].dur, 700);
  EXPECT_EQ(seen[0].page.pfn, 42U);
  EXPECT_EQ(seen[0].page.order, 9);
  EXPECT_EQ(seen[0].page.migratetype, 1);
  EXPECT_TRUE(seen[0].huge());
}

TEST_F(MessageDecoderTest, KeepsTheKindOfAFault) {
  ft_fault minor{};
  ft_fault major{};
  major.flags = FT_FAULT_MAJOR | FT_FAULT_LONG;
  major.dur = 5'000'000;
  ft_fault unfinished{};
  unfinished.flags = FT_FAULT_UNFINISHED;
  unfinished.dur = 99;
  decoder_.decode(bytes_of(batch_of({minor, major, unfinished})));

  const auto seen = faults();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].kind, event::FaultKind::Minor);
  EXPECT_EQ(seen[1].kind, event::FaultKind::Major);
  EXPECT_EQ(seen[1].dur, Nanoseconds{5'000'000} * 1024);
  EXPECT_EQ(seen[2].kind, event::FaultKind::Unfinished);
  EXPECT_EQ(seen[2].dur, event::kUnknownDuration);
}

// frames, then the path's names from the file upwards
struct SyscallMessage {
  ft_syscall call{};
  std::uint64_t frames[FT_MAX_FRAMES] = {0x7f01, 0x7f02};
  char path[24] = "libjvm.so\0server\0lib";
};

TEST_F(MessageDecoderTest, PutsTheHiddenCallerBehindTheWrapperAndThePathInOrder) {
  SyscallMessage message;
  message.call.header = {.kind = FT_SYSCALL, .tid = 7, .ts = 5000};
  message.call.number = 9;
  message.call.pid = 7;
  message.call.ret = 0x7f0000000000;
  message.call.caller = 0x7fcc;
  message.call.inode = 12;
  message.call.frame_count = 2;
  message.call.path_bytes = 21;
  decoder_.decode(bytes_of(message));

  const event::Trace trace = trace_.trace().value();
  ASSERT_EQ(trace.syscalls.size(), 1U);
  ASSERT_EQ(trace.files.size(), 1U);
  EXPECT_EQ(trace.files[0].path, "/lib/server/libjvm.so");
  ASSERT_EQ(trace.stacks.size(), 1U);
  ASSERT_EQ(trace.stacks[0].frames.size(), 3U);
  EXPECT_EQ(trace.stacks[0].frames[0].address, 0x7f01U);
  EXPECT_EQ(trace.stacks[0].frames[1].address, 0x7fccU);
  EXPECT_EQ(trace.stacks[0].frames[2].address, 0x7f02U);
  EXPECT_EQ(decoder_.marks_of(7)->libjvm, "/lib/server/libjvm.so");
}

TEST_F(MessageDecoderTest, EqualStacksOfAProcessAreOne) {
  SyscallMessage message;
  message.call.header = {.kind = FT_SYSCALL, .tid = 7, .ts = 5000};
  message.call.number = 11;
  message.call.pid = 7;
  message.call.frame_count = 2;
  decoder_.decode(bytes_of(message));
  decoder_.decode(bytes_of(message));
  message.call.pid = 8;
  decoder_.decode(bytes_of(message));
  EXPECT_EQ(trace_.trace().value().stacks.size(), 2U);
}

struct SampleMessage {
  ft_sample sample{};
  std::uint64_t frames[4] = {};

  SampleMessage(std::uint32_t pid, std::uint16_t kernel, std::uint16_t user) {
    sample.header = {.kind = FT_SAMPLE, .tid = pid, .ts = 5000};
    sample.pid = pid;
    sample.kernel_frames = kernel;
    sample.user_frames = user;
    for (std::uint64_t i = 0; i < 4; ++i) frames[i] = 0x100 + i;
  }
};

TEST_F(MessageDecoderTest, SamplesHaveTheStacksOfBothSides) {
  decoder_.decode(bytes_of(SampleMessage(7, 1, 3)));
  decoder_.decode(bytes_of(SampleMessage(8, 1, 3)));  // the kernel's frames are the same in all
  decoder_.decode(bytes_of(SampleMessage(7, 0, 4)));

  std::vector<event::Sample> samples;
  ASSERT_TRUE(trace_.samples([&](auto batch) { samples.assign(batch.begin(), batch.end()); }));
  ASSERT_EQ(samples.size(), 3U);
  EXPECT_EQ(samples[0].ts, 4000);
  EXPECT_EQ(samples[0].tid, 7);
  EXPECT_EQ(samples[0].kernel_stack, samples[1].kernel_stack);
  EXPECT_NE(samples[0].user_stack, samples[1].user_stack);
  EXPECT_EQ(samples[2].kernel_stack, event::kNoStack);
  const event::Trace trace = trace_.trace().value();
  const auto& kernel = trace.stacks[static_cast<std::size_t>(samples[0].kernel_stack)];
  EXPECT_EQ(kernel.pid, 0);
  ASSERT_EQ(kernel.frames.size(), 1U);
  EXPECT_EQ(kernel.frames[0].address, 0x100U);
  const auto& user = trace.stacks[static_cast<std::size_t>(samples[0].user_stack)];
  EXPECT_EQ(user.pid, 7);
  ASSERT_EQ(user.frames.size(), 3U);
  EXPECT_EQ(user.frames[0].address, 0x101U);
  EXPECT_EQ(decoder_.samples(), 3U);
}

TEST_F(MessageDecoderTest, SamplesThatContradictThemselvesAreCountedNotTrusted) {
  decoder_.decode(bytes_of(SampleMessage(7, 1, 4)));  // one frame more than there is
  decoder_.decode(bytes_of(SampleMessage(7, FT_KERNEL_FRAMES + 1, 0)));
  decoder_.decode(bytes_of(SampleMessage(7, 0, FT_MAX_FRAMES + 1)));
  EXPECT_EQ(decoder_.messages_not_understood(), 3U);
  EXPECT_EQ(decoder_.samples(), 0U);
}

TEST(StackTable, StopsKeepingStacksOfSamplesAndCounts) {
  event::MemoryTrace trace;
  StackTable stacks(trace);
  for (std::uint64_t i = 0; i < StackTable::kMostSampledStacks; ++i) {
    EXPECT_NE(stacks.of_sample(0, {&i, 1}, false), event::kNoStack);
  }
  const std::uint64_t known = 3;
  const std::uint64_t more = StackTable::kMostSampledStacks;
  EXPECT_EQ(stacks.of_sample(0, {&known, 1}, false), 3);
  EXPECT_EQ(stacks.of_sample(0, {&more, 1}, false), event::kNoStack);
  EXPECT_EQ(stacks.not_kept(), 1U);
  // The user's side, and calls, are not full.
  EXPECT_NE(stacks.of_sample(7, {&more, 1}, false), event::kNoStack);
  EXPECT_NE(stacks.of_call(7, {&more, 1}, false), event::kNoStack);
}

TEST_F(MessageDecoderTest, ProcessesEndWithTheirLastThread) {
  ft_exec exec{};
  exec.header = {.kind = FT_EXEC, .tid = 7, .ts = 2000};
  exec.pid = 7;
  std::strcpy(exec.filename, "/bin/x");
  decoder_.decode(bytes_of(exec));
  ft_fork thread{};
  thread.header = {.kind = FT_FORK, .tid = 7, .ts = 3000};
  thread.parent_pid = 7;
  thread.child_pid = 7;
  thread.child_tid = 8;
  decoder_.decode(bytes_of(thread));
  ft_exit exit{};
  exit.header = {.kind = FT_EXIT, .tid = 7, .ts = 4000};
  exit.pid = 7;
  exit.code = 3 << 8;
  decoder_.decode(bytes_of(exit));
  EXPECT_FALSE(decoder_.end_of(7).has_value());
  exit.header = {.kind = FT_EXIT, .tid = 8, .ts = 5000};
  exit.code = 0;
  decoder_.decode(bytes_of(exit));

  EXPECT_EQ(decoder_.end_of(7), 4000);
  const event::Trace trace = trace_.trace().value();
  ASSERT_EQ(trace.processes.size(), 1U);
  EXPECT_EQ(trace.processes[0].wait_status, 3 << 8);
  EXPECT_EQ(trace.threads.size(), 2U);
}

TEST_F(MessageDecoderTest, MessagesThatContradictThemselvesAreCountedNotTrusted) {
  ft_fault_batch batch{};
  batch.kind = FT_FAULTS;
  batch.count = FT_FAULTS_PER_BATCH + 1;
  decoder_.decode(bytes_of(batch));
  SyscallMessage call;
  call.call.header.kind = FT_SYSCALL;
  call.call.frame_count = 3;
  call.call.path_bytes = 60000;
  decoder_.decode(bytes_of(call));
  ft_exec exec{};
  exec.header.kind = FT_EXEC;
  exec.argv_bytes = 1;
  decoder_.decode(bytes_of(exec));
  const std::uint64_t unknown = 77;
  decoder_.decode(bytes_of(unknown));
  decoder_.decode({});
  EXPECT_EQ(decoder_.messages_not_understood(), 5U);
}

TEST_F(MessageDecoderTest, SurvivesAnything) {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(4096);
  for (int round = 0; round < 2000; ++round) {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const auto kind = static_cast<std::uint32_t>(random() % (FT_MESSAGE_KINDS + 1));
    std::memcpy(bytes.data(), &kind, sizeof(kind));
    decoder_.decode(std::span(bytes).first(random() % bytes.size()));
  }
  EXPECT_GT(decoder_.messages_not_understood(), 0U);
}

}  // namespace
}  // namespace ft::capture::bpf
