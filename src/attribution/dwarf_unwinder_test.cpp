#include "attribution/dwarf_unwinder.h"

#include <dlfcn.h>
#include <elf.h>
#include <execinfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "attribution/unwind_state.h"
#include "base/fd.h"

// Functions of the chain are called, not inlined, and keep no frame pointer, as glibc's.
#if defined(__clang__)
#define FT_FRAMELESS __attribute__((noinline, optnone))
#else
#define FT_FRAMELESS \
  __attribute__((noinline, noclone, optimize("omit-frame-pointer", "no-optimize-sibling-calls")))
#endif

namespace ft::attribution {
namespace {

using testing::Contains;
using testing::ElementsAreArray;

constexpr std::size_t kCopyBytes = 32 * kKiB;
constexpr event::Pid kPid = 4711;

// What the recorder takes at a system call, taken of this thread, with the truth beside it.
struct Capture {
  event::StackCopy copy;
  std::vector<std::uint64_t> truth;  // backtrace(3); its first frame is in capture_here() as well
};
Capture captured;

std::uint64_t end_of_this_stack() {
  pthread_attr_t attributes;
  void* start = nullptr;
  std::size_t size = 0;
  EXPECT_EQ(::pthread_getattr_np(::pthread_self(), &attributes), 0);
  EXPECT_EQ(::pthread_attr_getstack(&attributes, &start, &size), 0);
  ::pthread_attr_destroy(&attributes);
  return reinterpret_cast<std::uint64_t>(start) + size;
}

// A plain loop, not memcpy: red zones of a sanitizer on the stack are none of its business here.
__attribute__((noinline, no_sanitize("address"))) void copy_stack(std::uint64_t from,
                                                                  std::vector<std::byte>& to) {
  const auto* bytes = reinterpret_cast<const volatile unsigned char*>(from);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<std::byte>(bytes[i]);
}

FT_FRAMELESS void capture_here() {
  ucontext_t context;
  ::getcontext(&context);
  // In the order of DWARF's register numbers.
  constexpr std::array kOrder{REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                              REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  event::StackCopy& copy = captured.copy;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    copy.registers[i] = static_cast<std::uint64_t>(context.uc_mcontext.gregs[kOrder[i]]);
  }
  copy.pid = kPid;
  copy.ts = 10;
  copy.memory.resize(std::min(kCopyBytes, end_of_this_stack() - copy.stack_pointer()));
  copy_stack(copy.stack_pointer(), copy.memory);

  std::array<void*, 200> frames{};
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  // A sanitizer puts a frame of its own around backtrace().
  const auto is_here = [&](const void* frame) {
    return reinterpret_cast<std::uint64_t>(frame) - copy.instruction_pointer() + 4096 < 8192;
  };
  const auto end = frames.begin() + count;
  captured.truth.clear();
  for (auto frame = std::find_if(frames.begin(), end, is_here); frame != end; ++frame) {
    captured.truth.push_back(reinterpret_cast<std::uint64_t>(*frame));
  }
}

// A function's local frame differs by call; the sum keeps the compiler from calling in tail
// position.
FT_FRAMELESS int inner(int depth) {
  volatile char some[24] = {};
  if (depth == 0) {
    capture_here();
  } else {
    some[depth % 24] = static_cast<char>(inner(depth - 1));
  }
  return some[0] + depth;
}

FT_FRAMELESS int outer() {
  return inner(3) + 1;
}

event::Trace trace_of_this_process(const char* moment = "exec") {
  event::Trace trace;
  trace.processes.push_back({.pid = kPid, .exec_ts = 0});
  auto maps = read_file("/proc/self/maps");
  EXPECT_TRUE(maps);
  trace.snapshots.push_back(
      {.ts = 1, .pid = kPid, .moment = moment, .source = "maps", .text = maps.value_or("")});
  return trace;
}

Walk walk_captured() {
  const event::Trace trace = trace_of_this_process();
  DwarfUnwinder unwinder(trace);
  Walk walk = unwinder.walk(captured.copy);
  EXPECT_TRUE(unwinder.problems().empty());
  return walk;
}

std::vector<std::uint64_t> tail(const std::vector<std::uint64_t>& all, std::size_t from) {
  return {all.begin() + static_cast<std::ptrdiff_t>(std::min(from, all.size())), all.end()};
}

// The first frame is where the registers were taken: the same function, another instruction.
void expect_truth(const Walk& walk) {
  EXPECT_EQ(walk.addresses[0], captured.copy.instruction_pointer());
  EXPECT_THAT(tail(walk.addresses, 1), ElementsAreArray(tail(captured.truth, 1)));
  EXPECT_EQ(walk.end, WalkEnd::Outermost);
}

bool is_in(std::uint64_t address, const void* function, std::size_t size) {
  const auto start = reinterpret_cast<std::uint64_t>(function);
  return address > start && address <= start + size;
}

bool is_in_libc(std::uint64_t address) {
  Dl_info info{};
  return ::dladdr(reinterpret_cast<void*>(address - 1), &info) != 0 &&
         std::string_view(info.dli_fname).find("libc.so") != std::string_view::npos;
}

bool is_in_this_program(std::uint64_t address) {
  Dl_info info{};
  Dl_info own{};
  return ::dladdr(reinterpret_cast<void*>(address - 1), &info) != 0 &&
         ::dladdr(reinterpret_cast<void*>(&outer), &own) != 0 && info.dli_fbase == own.dli_fbase;
}

TEST(DwarfUnwinder, FindsCallersThatKeepNoFramePointer) {
  outer();
  ASSERT_GT(captured.truth.size(), 7U);
  const Walk walk = walk_captured();
  expect_truth(walk);
  // capture_here, inner four times, outer: the fourth inner's caller.
  EXPECT_TRUE(is_in(walk.addresses[5], reinterpret_cast<const void*>(&outer), 256));
}

TEST(DwarfUnwinder, FindsTheCallerThroughTheCLibrary) {
  std::array<int, 3> numbers{3, 1, 2};
  // Through qsort, which takes its own helpers on the way.
  const auto sort = [&]() __attribute__((noinline)) {
    std::qsort(numbers.data(), numbers.size(), sizeof(int), [](const void* a, const void* b) {
      capture_here();
      return *static_cast<const int*>(a) - *static_cast<const int*>(b);
    });
  };
  sort();
  const Walk walk = walk_captured();
  expect_truth(walk);
  const auto libc = std::ranges::find_if(walk.addresses, is_in_libc);
  ASSERT_NE(libc, walk.addresses.end());
  EXPECT_TRUE(std::any_of(libc, walk.addresses.end(), is_in_this_program));
}

TEST(DwarfUnwinder, EndsAtTheStartOfAThread) {
  std::thread([] { outer(); }).join();
  expect_truth(walk_captured());
}

TEST(DwarfUnwinder, GoesThroughASignalHandler) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) { capture_here(); };
  ASSERT_EQ(::sigaction(SIGUSR2, &action, &before), 0);
  ::raise(SIGUSR2);
  ASSERT_EQ(::sigaction(SIGUSR2, &before, nullptr), 0);
  const Walk walk = walk_captured();
  expect_truth(walk);
  EXPECT_GT(walk.addresses.size(), 5U);
}

// Machine code without a table, as the JVM writes it: calls the function it is given. It does not
// begin its page: clang's sanitizer reads what stands before a function it calls through a pointer.
class Generated {
 public:
  explicit Generated(std::span<const unsigned char> code)
      : page_(::mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                     0)) {
    if (page_ == MAP_FAILED) return;
    std::memcpy(entry(), code.data(), code.size());
    callable_ = ::mprotect(page_, kPageSize, PROT_READ | PROT_EXEC) == 0;
  }
  Generated(const Generated&) = delete;
  Generated& operator=(const Generated&) = delete;
  ~Generated() {
    if (page_ != MAP_FAILED) ::munmap(page_, kPageSize);
  }

  bool callable() const { return callable_; }
  void call(void (*function)()) const { reinterpret_cast<void (*)(void (*)())>(entry())(function); }
  bool holds(std::uint64_t address) const {
    return address - reinterpret_cast<std::uint64_t>(page_) < kPageSize;
  }

 private:
  static constexpr std::size_t kEntryOffset = 64;

  std::byte* entry() const { return static_cast<std::byte*>(page_) + kEntryOffset; }

  void* page_;
  bool callable_ = false;
};

// push rbp; mov rbp,rsp; call rdi; pop rbp; ret
constexpr std::array<unsigned char, 8> kWithFramePointer{0x55, 0x48, 0x89, 0xe5,
                                                         0xff, 0xd7, 0x5d, 0xc3};
// push rbp; xor ebp,ebp; call rdi; pop rbp; ret
constexpr std::array<unsigned char, 7> kFramePointerLost{0x55, 0x31, 0xed, 0xff, 0xd7, 0x5d, 0xc3};

TEST(DwarfUnwinder, FollowsFramePointersThroughGeneratedCodeAndTablesBeyond) {
  const Generated code(kWithFramePointer);
  if (!code.callable()) GTEST_SKIP() << "this host forbids generated code";
  code.call([] { outer(); });
  const Walk walk = walk_captured();
  EXPECT_EQ(walk.end, WalkEnd::Outermost);
  const auto generated = std::ranges::find_if(
      walk.addresses, [&](std::uint64_t address) { return code.holds(address); });
  ASSERT_NE(generated, walk.addresses.end());
  // backtrace(3) stops in the generated code; this test's body and what called it lie beyond.
  EXPECT_GT(walk.addresses.end() - generated, 5);
  EXPECT_THAT(walk.addresses, Contains(testing::Truly([](std::uint64_t address) {
                return address == captured.truth.at(1);
              })));
  EXPECT_TRUE(is_in_this_program(generated[1]));
}

TEST(DwarfUnwinder, StopsWhereGeneratedCodeLostTheFramePointer) {
  const Generated code(kFramePointerLost);
  if (!code.callable()) GTEST_SKIP() << "this host forbids generated code";
  code.call([] { outer(); });
  const Walk walk = walk_captured();
  EXPECT_TRUE(code.holds(walk.addresses.back()));
  EXPECT_EQ(walk.end, WalkEnd::NobodyKnows);
}

TEST(DwarfUnwinder, ShortCopyGivesTheInnerFramesAndSaysThatItEnded) {
  outer();
  const std::vector<std::uint64_t> whole = walk_captured().addresses;
  const std::size_t bytes = captured.copy.memory.size();
  std::size_t longest = 0;
  const event::Trace trace = trace_of_this_process();
  DwarfUnwinder unwinder(trace);
  for (std::size_t kept = 0; kept < std::min<std::size_t>(bytes, 6000); kept += 8) {
    event::StackCopy copy = captured.copy;
    copy.memory.resize(kept);
    const Walk walk = unwinder.walk(copy);
    ASSERT_LE(walk.addresses.size(), whole.size());
    EXPECT_THAT(walk.addresses,
                ElementsAreArray(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(
                                                                    walk.addresses.size())));
    if (walk.addresses.size() < whole.size()) {
      EXPECT_EQ(walk.end, WalkEnd::CopyEnded) << kept;
    }
    EXPECT_GE(walk.addresses.size(), longest);
    longest = walk.addresses.size();
    if (kept >= 3000) kept += 504;
  }
  EXPECT_GT(longest, 5U);
}

TEST(DwarfUnwinder, NothingKnownOfTheProcessLeavesFramePointers) {
  const event::Trace trace;
  DwarfUnwinder unwinder(trace);
  event::StackCopy copy;
  copy.pid = 1;
  copy.registers[kRsp] = 0x1000;
  copy.registers[kRbp] = 0x1010;
  copy.registers[kReturnAddress] = 0x400000;
  const std::array<std::uint64_t, 8> words{1, 2, 0x1020, 0x400100, 0x1030, 0x400200, 0, 0};
  copy.memory.resize(sizeof words);
  std::memcpy(copy.memory.data(), words.data(), sizeof words);
  const Walk walk = unwinder.walk(copy);
  EXPECT_THAT(walk.addresses, ElementsAreArray({0x400000, 0x400100, 0x400200}));
  EXPECT_EQ(walk.end, WalkEnd::Outermost);
}

// Two pieces of code without tables, and what a copy of that process may look like.
event::Trace trace_without_tables() {
  event::Trace trace;
  trace.processes.push_back({.pid = kPid, .exec_ts = 0});
  trace.snapshots.push_back({.ts = 1,
                             .pid = kPid,
                             .moment = "exec",
                             .source = "maps",
                             .text = "10000000-10100000 r-xp 00000000 00:01 77 /nowhere.so\n"
                                     "20000000-20100000 rwxp 00000000 00:00 0 \n"});
  return trace;
}

event::StackCopy copy_of(std::uint64_t pc, std::uint64_t rbp,
                         std::span<const std::uint64_t> words) {
  event::StackCopy copy;
  copy.stack = 0;
  copy.pid = kPid;
  copy.ts = 10;
  copy.registers[kRsp] = 0x1000;
  copy.registers[kRbp] = rbp;
  copy.registers[kReturnAddress] = pc;
  copy.memory.resize(words.size_bytes());
  if (!words.empty()) std::memcpy(copy.memory.data(), words.data(), words.size_bytes());
  return copy;
}

TEST(DwarfUnwinder, InnermostFrameWithoutATableIsALeafOfItsFile) {
  const event::Trace trace = trace_without_tables();
  DwarfUnwinder unwinder(trace);
  // The first word is a return address, the frame pointer leads past it to the next one.
  const std::array<std::uint64_t, 5> words{0x10000200, 7, 0, 0x10000300, 0};
  EXPECT_THAT(unwinder.unwind(copy_of(0x10000100, 0x1010, words)),
              ElementsAreArray({0x10000100, 0x10000200, 0x10000300}));
  // Not so in generated code, and not where the word is no address of code.
  EXPECT_THAT(unwinder.unwind(copy_of(0x20000100, 0x1010, words)),
              ElementsAreArray({0x20000100, 0x10000300}));
  const std::array<std::uint64_t, 5> data{0x30000200, 7, 0, 0x10000300, 0};
  EXPECT_THAT(unwinder.unwind(copy_of(0x10000100, 0x1010, data)),
              ElementsAreArray({0x10000100, 0x10000300}));
}

TEST(DwarfUnwinder, FramePointerThatTurnsBackEndsTheWalk) {
  const event::Trace trace;
  DwarfUnwinder unwinder(trace);
  event::StackCopy copy;
  copy.registers[kRsp] = 0x1000;
  copy.registers[kRbp] = 0x1000;
  copy.registers[kReturnAddress] = 0x400000;
  // Points to itself, one word up, or one word down: none may walk for ever.
  for (const std::uint64_t next : {0x1000, 0x1008, 0xff8, 0x1001, 0x1010}) {
    const std::array<std::uint64_t, 4> words{next, 0x400100, 0x1000, 0x400200};
    copy.memory.resize(sizeof words);
    std::memcpy(copy.memory.data(), words.data(), sizeof words);
    const Walk walk = unwinder.walk(copy);
    EXPECT_LE(walk.addresses.size(), 3U) << next;
    EXPECT_NE(walk.end, WalkEnd::Outermost) << next;
  }
}

TEST(DwarfUnwinder, ChainsOfFramePointersAreBounded) {
  const event::Trace trace;
  DwarfUnwinder unwinder(trace);
  event::StackCopy copy;
  copy.registers[kRsp] = 0x10000;
  copy.registers[kRbp] = 0x10000;
  copy.registers[kReturnAddress] = 0x400000;
  copy.memory.resize(kCopyBytes);
  for (std::uint64_t at = 0; at < kCopyBytes; at += 16) {
    const std::array<std::uint64_t, 2> words{0x10000 + at + 16, 0x400100};
    std::memcpy(copy.memory.data() + at, words.data(), sizeof words);
  }
  const Walk walk = unwinder.walk(copy);
  EXPECT_EQ(walk.addresses.size(), DwarfUnwinder::kMaxFrames);
  EXPECT_EQ(walk.end, WalkEnd::TooDeep);
}

// --- unwind_all
// -----------------------------------------------------------------------------------

TEST(UnwindAll, ReplacesFramesAndTellsEachStack) {
  outer();
  event::Trace trace = trace_of_this_process();
  event::Stack recorded{.pid = kPid};
  recorded.frames.push_back({.address = captured.copy.instruction_pointer()});
  trace.stacks = {event::Stack{.pid = kPid}, recorded};
  captured.copy.stack = 1;
  const Walk expected = walk_captured();

  std::vector<event::StackId> told;
  const UnwoundStacks result =
      unwind_all(trace, {&captured.copy, 1}, [&](event::StackId id, const event::Stack& stack) {
        told.push_back(id);
        EXPECT_EQ(stack.frames.size(), expected.addresses.size());
      });
  EXPECT_THAT(told, ElementsAreArray({1}));
  EXPECT_EQ(result.complete, 1U);
  EXPECT_EQ(result.truncated, 0U);
  EXPECT_FALSE(trace.stacks[1].truncated);
  ASSERT_EQ(trace.stacks[1].frames.size(), expected.addresses.size());
  for (std::size_t i = 0; i < expected.addresses.size(); ++i) {
    EXPECT_EQ(trace.stacks[1].frames[i].address, expected.addresses[i]);
  }
  EXPECT_TRUE(trace.stacks[0].frames.empty());
}

TEST(UnwindAll, KeepsFramesBeyondAShortCopyAndSaysThatItWasShort) {
  outer();
  const std::vector<std::uint64_t> whole = walk_captured().addresses;
  event::StackCopy copy = captured.copy;
  copy.stack = 0;
  event::Trace trace = trace_of_this_process();
  DwarfUnwinder unwinder(trace);
  std::size_t kept = 8;
  std::size_t inside = 0;
  for (; inside < 4; kept += 8) {
    copy.memory.assign(captured.copy.memory.begin(),
                       captured.copy.memory.begin() + static_cast<std::ptrdiff_t>(kept));
    inside = unwinder.walk(copy).addresses.size();
  }
  // The last frame inside the copy is in inner(), which is there more than once. Frame pointers saw
  // all but one that the tables found.
  trace.stacks.resize(1);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (i != 1) trace.stacks[0].frames.push_back({.address = whole[i]});
  }
  const UnwoundStacks result =
      unwind_all(trace, {&copy, 1}, [](event::StackId, const event::Stack&) {});
  EXPECT_EQ(result.truncated, 1U);
  EXPECT_TRUE(trace.stacks[0].truncated);
  std::vector<std::uint64_t> found;
  for (const event::Frame& frame : trace.stacks[0].frames) found.push_back(frame.address);
  EXPECT_THAT(found, ElementsAreArray(whole));
}

TEST(UnwindAll, KeepsRecordedFramesWhereNothingIsFound) {
  event::Trace trace;
  trace.stacks.resize(1);
  for (const std::uint64_t address : {1, 2, 3}) {
    trace.stacks[0].frames.push_back({.address = address});
  }
  event::StackCopy copy;
  copy.stack = 0;
  copy.registers[kReturnAddress] = 1;
  copy.registers[kRbp] = 7;
  const UnwoundStacks result =
      unwind_all(trace, {&copy, 1}, [](event::StackId, const event::Stack&) {});
  EXPECT_EQ(result.broken, 1U);
  EXPECT_EQ(trace.stacks[0].frames.size(), 3U);
  EXPECT_FALSE(trace.stacks[0].truncated);
}

TEST(UnwindAll, LeavesOutRecordedFramesThatAreNoCode) {
  event::Trace trace = trace_without_tables();
  trace.stacks.resize(1);
  for (const std::uint64_t address : {0x10000100, 0x10000200, 0x30000000, 0x10000300}) {
    trace.stacks[0].frames.push_back({.address = address});
  }
  const event::StackCopy copy = copy_of(0x10000100, 7, {});
  unwind_all(trace, {&copy, 1}, [](event::StackId, const event::Stack&) {});
  ASSERT_EQ(trace.stacks[0].frames.size(), 2U);
  EXPECT_EQ(trace.stacks[0].frames[1].address, 0x10000200U);
}

TEST(UnwindAll, PassesOverStacksThatAreNotThere) {
  event::Trace trace;
  event::StackCopy copy;
  const UnwoundStacks none = unwind_all(trace, {&copy, 1}, nullptr);
  copy.stack = 5;
  const UnwoundStacks far = unwind_all(trace, {&copy, 1}, nullptr);
  EXPECT_EQ(none.complete + none.truncated + none.broken, 0U);
  EXPECT_EQ(far.complete + far.truncated + far.broken, 0U);
}

// --- hostile input
// --------------------------------------------------------------------------------

TEST(DwarfUnwinderHostile, RandomRegistersAndMemoryNeverHarm) {
  outer();
  const event::Trace trace = trace_of_this_process();
  DwarfUnwinder unwinder(trace);
  std::mt19937_64 random(20240607);
  const std::vector<std::uint64_t> real = unwinder.walk(captured.copy).addresses;
  const auto plausible = [&](std::uint64_t sp) -> std::uint64_t {
    switch (random() % 5) {
      case 0:
        return random();
      case 1:
        return real[random() % real.size()] + random() % 4096;
      case 2:
        return sp + random() % kCopyBytes;
      case 3:
        return sp + (random() % (kCopyBytes / 8)) * 8;
      default:
        return random() % 3;
    }
  };
  std::size_t frames = 0;
  for (int round = 0; round < 10'000; ++round) {
    event::StackCopy copy;
    copy.pid = random() % 16 == 0 ? 1 : kPid;
    copy.ts = static_cast<Nanoseconds>(random() % 100);
    const std::uint64_t sp = round % 7 == 0 ? ~std::uint64_t{0} - random() % 64 : random();
    for (std::uint64_t& value : copy.registers) value = plausible(sp);
    copy.registers[kRsp] = sp;
    copy.memory.resize(random() % 2048);
    for (std::size_t at = 0; at + 8 <= copy.memory.size(); at += 8) {
      const std::uint64_t word = plausible(sp);
      std::memcpy(copy.memory.data() + at, &word, sizeof word);
    }
    const Walk walk = unwinder.walk(copy);
    ASSERT_FALSE(walk.addresses.empty());
    ASSERT_LE(walk.addresses.size(), DwarfUnwinder::kMaxFrames);
    frames += walk.addresses.size();
  }
  EXPECT_GT(frames, 10'000U);  // some walks went further than their first frame
}

// A file in a folder of its own, gone at the end.
class TestFile {
 public:
  TestFile() {
    std::string folder = testing::TempDir() + "ft_unwind_XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder + "/module.so";
  }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;
  ~TestFile() {
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }

  void write(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  const std::string& path() const { return path_; }

 private:
  std::string folder_;
  std::string path_;
};

TEST(DwarfUnwinderHostile, DamagedFilesNeverHarm) {
  outer();
  // The loader is small and has every kind of section a module has.
  const auto original = read_file("/lib64/ld-linux-x86-64.so.2");
  if (!original) GTEST_SKIP() << original.error().message();
  Elf64_Ehdr header;
  std::memcpy(&header, original->data(), sizeof header);

  const TestFile file;
  event::Trace trace;
  trace.processes.push_back({.pid = kPid, .exec_ts = 0});
  trace.snapshots.push_back(
      {.ts = 1,
       .pid = kPid,
       .moment = "exec",
       .source = "maps",
       .text = "10000000-10100000 r-xp 00000000 00:01 77 " + file.path() + "\n"});
  std::mt19937_64 random(99);
  for (int round = 0; round < 400; ++round) {
    std::string bytes = *original;
    if (round % 10 == 9) {
      bytes.resize(random() % bytes.size());
    } else {
      // Rounds differ in what they hit: headers, sections' headers, anything.
      const std::size_t from = round % 3 == 0 ? 0 : round % 3 == 1 ? header.e_shoff : 0;
      const std::size_t span = round % 3 == 0 ? 1024 : bytes.size() - from;
      const std::size_t changes = round % 3 == 2 ? 3000 : 20;
      for (std::size_t i = 0; i < changes; ++i) {
        bytes[from + random() % span] = static_cast<char>(random());
      }
    }
    file.write(bytes);
    DwarfUnwinder unwinder(trace);
    for (int i = 0; i < 200; ++i) {
      event::StackCopy copy = captured.copy;
      copy.memory.resize(512);
      copy.registers[kReturnAddress] = 0x10000000 + random() % original->size();
      ASSERT_LE(unwinder.walk(copy).addresses.size(), DwarfUnwinder::kMaxFrames);
    }
  }
}

TEST(DwarfUnwinderHostile, FilesThatAreNoModulesAreProblemsOnce) {
  const TestFile file;
  file.write("this is no ELF file");
  event::Trace trace;
  trace.processes.push_back({.pid = kPid, .exec_ts = 0});
  trace.snapshots.push_back({.ts = 1,
                             .pid = kPid,
                             .moment = "exec",
                             .source = "maps",
                             .text = "10000000-10100000 r-xp 00000000 00:01 77 " + file.path() +
                                     "\n10200000-10300000 r-xp 00000000 00:01 78 /gone.so\n"});
  DwarfUnwinder unwinder(trace);
  event::StackCopy copy;
  copy.pid = kPid;
  copy.registers[kRbp] = 1;
  copy.registers[kReturnAddress] = 0x10000010;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(unwinder.unwind(copy).size(), 1U);
  copy.registers[kReturnAddress] = 0x10200010;
  EXPECT_EQ(unwinder.unwind(copy).size(), 1U);
  ASSERT_EQ(unwinder.problems().size(), 2U);
  EXPECT_EQ(unwinder.problems()[0].what, file.path());
  EXPECT_EQ(unwinder.problems()[1].message(), "/gone.so: No such file or directory");
}

}  // namespace
}  // namespace ft::attribution
