#include "recording/chunk_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>

#include "recording/checksum.h"
#include "recording/event_equality.h"
#include "recording/synthetic_calls.h"
#include "recording/synthetic_faults.h"

namespace ft::recording {
namespace {

using event::Fault;
using event::PageAlloc;
using event::Sample;
using event::Syscall;
using event::TlbFlush;
using ::testing::HasSubstr;

constexpr auto kLatest = std::numeric_limits<Nanoseconds>::max();

template <typename Event>
std::vector<Event> there_and_back(const std::vector<Event>& events) {
  ChunkEncoder encoder;
  ChunkDecoder decoder;
  std::vector<Event> decoded;
  const auto result = decoder.decode(encoder.encode(std::span(events)), decoded);
  EXPECT_TRUE(result) << result.error().message();
  return decoded;
}

// What decoding promises: by ts, equal ts by their thread's first appearance.
template <typename Event>
std::vector<Event> as_delivered(std::vector<Event> events) {
  std::vector<event::Tid> threads;
  for (const Event& event : events) {
    if (std::ranges::find(threads, event.tid) == threads.end()) threads.push_back(event.tid);
  }
  std::ranges::stable_sort(events, [&](const Event& a, const Event& b) {
    const auto place = [&](const Event& e) { return std::ranges::find(threads, e.tid); };
    return a.ts != b.ts ? a.ts < b.ts : place(a) < place(b);
  });
  return events;
}

// Random events whose fields take every size from a bit to the whole word.
class Any {
 public:
  explicit Any(std::uint32_t seed) : random_(seed) {}
  std::uint64_t word() { return random_() >> (random_() % 64); }
  Nanoseconds ts() { return static_cast<Nanoseconds>(random_() % 4 == 0 ? random_() : word()); }
  event::Tid tid() {
    return random_() % 8 == 0 ? static_cast<event::Tid>(random_())
                              : static_cast<event::Tid>(random_() % 5);
  }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

 private:
  std::mt19937_64 random_;
};

PageAlloc any_alloc(Any& any) {
  return {.ts = any.ts(),
          .pfn = any.word(),
          .gfp = static_cast<std::uint32_t>(any.word()),
          .tid = any.tid(),
          .order = static_cast<std::uint8_t>(any.below(256)),
          .migratetype = static_cast<std::int8_t>(any.below(256)),
          .node = static_cast<std::int8_t>(any.below(256)),
          .context = static_cast<event::AllocContext>(any.below(3))};
}

Fault any_fault(Any& any) {
  Fault fault{.ts = any.ts(),
              .dur = any.below(5) == 0 ? event::kUnknownDuration : any.ts(),
              .addr = any.word(),
              .ip = any.word(),
              .tid = any.tid(),
              .error_code = static_cast<std::uint32_t>(any.word()),
              .kind = static_cast<event::FaultKind>(any.below(3)),
              .has_page = any.below(2) == 0,
              .page = {}};
  if (fault.has_page) {
    fault.page = any_alloc(any);
    fault.page.ts = fault.ts;
    fault.page.tid = fault.tid;
    fault.page.context = event::AllocContext::Fault;
  }
  return fault;
}

TlbFlush any_flush(Any& any) {
  return {.ts = any.ts(),
          .pages = any.below(4) == 0 ? event::kFlushAll : any.word(),
          .tid = any.tid(),
          .reason = static_cast<event::FlushReason>(any.below(6))};
}

Sample any_sample(Any& any) {
  return {.ts = any.ts(),
          .tid = any.tid(),
          .kernel_stack = static_cast<event::StackId>(any.below(1U << 31U)),
          .user_stack = static_cast<event::StackId>(any.below(100)) - 1};
}

Syscall any_call(Any& any) {
  const auto followed = event::followed_syscalls();
  Syscall call{.ts = any.ts(),
               .dur = any.below(5) == 0 ? event::kUnknownDuration : any.ts(),
               .tid = any.tid(),
               .pid = any.tid(),
               .number = followed[any.below(followed.size())].number,
               .finished = any.below(6) != 0,
               .stack = static_cast<event::StackId>(any.below(1U << 31U)),
               .file = static_cast<event::FileId>(any.below(100)) - 1};
  for (std::uint64_t& argument : call.args) argument = any.below(4) == 0 ? 0 : any.word();
  call.ret = any.below(4) == 0 ? -12 : any.ts();
  return call;
}

// System calls come as they were told.
std::vector<Syscall> as_delivered(std::vector<Syscall> calls) {
  return calls;
}

template <typename Make>
void expect_any_to_come_back(Make make) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    Any any(seed);
    const std::size_t size = 1 + any.below(seed % 6 == 0 ? 3000 : 40);
    std::vector<decltype(make(any))> events;
    events.reserve(size);
    for (std::size_t i = 0; i < size; ++i) events.push_back(make(any));
    ASSERT_TRUE(there_and_back(events) == as_delivered(events)) << "seed " << seed;
  }
}

TEST(ChunkCodec, BringsBackAnyFaults) {
  expect_any_to_come_back(any_fault);
}
TEST(ChunkCodec, BringsBackAnyPageAllocs) {
  expect_any_to_come_back(any_alloc);
}
TEST(ChunkCodec, BringsBackAnyFlushes) {
  expect_any_to_come_back(any_flush);
}
TEST(ChunkCodec, BringsBackAnySamples) {
  expect_any_to_come_back(any_sample);
}

TEST(ChunkCodec, BringsBackAnyCalls) {
  expect_any_to_come_back(any_call);
}

TEST(ChunkCodec, BringsBackExtremes) {
  std::vector<Fault> faults(3);
  faults[0] = {.ts = kLatest,
               .dur = kLatest,
               .addr = ~std::uint64_t{0},
               .ip = ~std::uint64_t{0},
               .tid = std::numeric_limits<event::Tid>::max(),
               .error_code = ~std::uint32_t{0},
               .kind = event::FaultKind::Unfinished,
               .page = {}};
  faults[1] = faults[0];
  faults[1].ts = std::numeric_limits<Nanoseconds>::min();
  faults[1].dur = event::kUnknownDuration;
  faults[2].tid = std::numeric_limits<event::Tid>::min();
  EXPECT_EQ(there_and_back(faults), as_delivered(faults));
}

TEST(ChunkCodec, BringsBackAFullChunkOfNoise) {
  Any any(7);
  std::vector<Fault> faults;
  faults.reserve(kMaxChunkEvents);
  for (std::size_t i = 0; i < kMaxChunkEvents; ++i) faults.push_back(any_fault(any));
  for (std::size_t i = 0; i < kMaxChunkEvents; ++i) {
    faults[i].tid = static_cast<event::Tid>(i % 1000);
    if (faults[i].has_page) faults[i].page.tid = faults[i].tid;
  }
  EXPECT_TRUE(there_and_back(faults) == as_delivered(faults));
}

TEST(ChunkCodec, BringsBackExtremeCalls) {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  std::vector<Syscall> calls(4);
  calls[0] = {.ts = kLatest,
              .dur = kLatest,
              .tid = std::numeric_limits<event::Tid>::max(),
              .pid = std::numeric_limits<event::Pid>::min(),
              .number = event::SyscallNumber::Mmap,
              .finished = false,
              .stack = std::numeric_limits<event::StackId>::max(),
              .file = std::numeric_limits<event::FileId>::max(),
              .args = {kAll, kAll, kAll, kAll, kAll, kAll},
              .ret = std::numeric_limits<std::int64_t>::min()};
  calls[1] = calls[0];
  calls[1].ts = std::numeric_limits<Nanoseconds>::min();
  calls[1].args = {};
  calls[1].ret = -4095;
  // Right before the last address, and at it: the codes that stand for each other.
  calls[2] = calls[1];
  calls[2].args[0] = static_cast<std::uint64_t>(calls[0].ret) - 1;
  calls[3] = calls[2];
  calls[3].args[0] = 0;
  EXPECT_EQ(there_and_back(calls), calls);
}

// Every distance between an address and the one before it, where 0 has a code of its own.
TEST(ChunkCodec, BringsBackAddressesNearEachOther) {
  const std::uint64_t edges[] = {0, 1, 2, 4096, std::uint64_t{1} << 63U, ~std::uint64_t{0}};
  std::vector<Syscall> calls;
  for (const std::uint64_t last : edges) {
    for (const std::uint64_t edge : edges) {
      for (std::uint64_t off = 0; off < 5; ++off) {
        for (const std::uint64_t address : {last, edge + off - 2}) {
          calls.push_back({.number = event::SyscallNumber::Munmap, .args = {address}});
        }
      }
    }
  }
  EXPECT_EQ(there_and_back(calls), calls);
}

TEST(ChunkCodec, BringsBackAFullChunkOfNoisyCalls) {
  Any any(11);
  std::vector<Syscall> calls;
  calls.reserve(kMaxChunkEvents);
  for (std::size_t i = 0; i < kMaxChunkEvents; ++i) {
    calls.push_back(any_call(any));
    calls.back().tid = static_cast<event::Tid>(any.word());
    calls.back().pid = static_cast<event::Pid>(any.word() | 1U << 31U);
    for (std::uint64_t& argument : calls.back().args) argument |= std::uint64_t{1} << 63U;
  }
  EXPECT_TRUE(there_and_back(calls) == calls);
}

TEST(ChunkCodec, KeepsMappingAndUnmappingBelowThreeBytesACall) {
  const std::vector<Syscall> calls = mapping_calls(3000);
  ChunkEncoder encoder;
  EXPECT_LT(encoder.encode(std::span(calls)).size(), calls.size() * 3);
}

TEST(ChunkCodec, DeliversByTimeWhatTwoThreadsDidAtOnce) {
  std::vector<Fault> faults = pretouch_faults(10'000);
  const std::vector<Fault> in_time = faults;
  std::ranges::stable_sort(faults, {}, &Fault::tid);
  EXPECT_TRUE(there_and_back(faults) == in_time);
}

TEST(ChunkCodec, KeepsAPretouchedHeapBelowThreeBytesAFault) {
  const std::vector<Fault> faults = pretouch_faults(kMaxChunkEvents);
  ChunkEncoder encoder;
  EXPECT_LT(encoder.encode(std::span(faults)).size(), faults.size() * 3);
}

// ---- damage ----

std::string a_chunk() {
  ChunkEncoder encoder;
  const std::vector<Fault> faults = pretouch_faults(500);
  return std::string(encoder.encode(std::span(faults)));
}

std::string a_chunk_of_calls() {
  ChunkEncoder encoder;
  const std::vector<Syscall> calls = mapping_calls(300);
  return std::string(encoder.encode(std::span(calls)));
}

// As a hostile writer would: the content changed, the checksum made to match.
void seal(std::string& chunk) {
  const std::uint64_t sum = checksum_of(std::string_view(chunk).substr(0, chunk.size() - 8));
  for (std::size_t i = 0; i < 8; ++i) {
    chunk[chunk.size() - 8 + i] = static_cast<char>(sum >> (8 * i));
  }
}

template <typename Event = Fault>
std::string why_refused(const std::string& chunk) {
  ChunkDecoder decoder;
  std::vector<Event> events;
  const auto result = decoder.decode(chunk, events);
  return result ? "accepted" : result.error().message();
}

TEST(ChunkCodec, FindsEveryFlippedBit) {
  const std::string good = a_chunk();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_NE(why_refused(bad), "accepted") << "bit " << bit;
  }
}

TEST(ChunkCodec, RefusesEveryTruncation) {
  const std::string good = a_chunk();
  for (std::size_t size = 0; size < good.size(); ++size) {
    std::string bad = good.substr(0, size);
    ASSERT_NE(why_refused(bad), "accepted") << size;
    if (size < 24) continue;
    seal(bad);
    ASSERT_NE(why_refused(bad), "accepted") << size << " bytes, sealed";
  }
}

TEST(ChunkCodec, FindsEveryFlippedBitAndTruncationOfCalls) {
  const std::string good = a_chunk_of_calls();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_NE(why_refused<Syscall>(bad), "accepted") << "bit " << bit;
  }
  for (std::size_t size = 24; size < good.size(); ++size) {
    std::string bad = good.substr(0, size);
    seal(bad);
    ASSERT_NE(why_refused<Syscall>(bad), "accepted") << size << " bytes, sealed";
  }
}

// A chunk of one call of `number`, with the columns of small chunks laid out by hand.
std::string one_call(std::uint32_t sort, std::uint32_t stack_code) {
  const auto number = [](std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
    return text;
  };
  const auto column = [&](std::uint64_t value, int width) {
    std::string text = number(static_cast<std::uint64_t>(width), 1);
    for (int i = 0; i < width; ++i) text += number(0, 1) + number(value >> (8 * i), 1);
    return text;
  };
  std::string chunk = number(1, 1) + number(5, 1) + number(0, 2) + number(1, 4) + number(0, 8);
  chunk += column(0, 0) + column(0, 0);                                         // ts, dur
  chunk += number(1, 4) + column(84, 1) + column(0, 0);                         // callers
  chunk += number(1, 4) + column(std::uint64_t{sort} << 1U, 4) + column(0, 0);  // sorts
  chunk += column(stack_code, 4) + column(0, 0);                                // stack, file
  for (int i = 0; i < 7; ++i) chunk += column(0, 0);
  chunk += number(0, 8);
  seal(chunk);
  return chunk;
}

TEST(ChunkCodec, RefusesCallsThatCannotBe) {
  EXPECT_EQ(why_refused<Syscall>(one_call(9 | 1U << 16U, 0)), "accepted");
  EXPECT_THAT(why_refused<Syscall>(one_call(0 | 1U << 16U, 0)),
              HasSubstr("no such system call: 0x10000"));
  EXPECT_THAT(why_refused<Syscall>(one_call(9 | 1U << 17U, 0)),
              HasSubstr("no such system call: 0x20009"));
  EXPECT_EQ(why_refused<Syscall>(one_call(9, 0x8000'0000)), "accepted");
  EXPECT_THAT(why_refused<Syscall>(one_call(9, 0x8000'0001)),
              HasSubstr("the id of a stack or file out of range"));
}

TEST(ChunkCodec, SurvivesSealedDamageOfCalls) {
  const std::string good = a_chunk_of_calls();
  for (std::size_t i = 0; i + 8 < good.size(); ++i) {
    for (const int change : {1, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ change);
      seal(bad);
      ChunkDecoder decoder;
      std::vector<Syscall> calls;
      if (!decoder.decode(bad, calls)) continue;
      ASSERT_TRUE(there_and_back(calls) == calls) << i;
    }
  }
}

TEST(ChunkCodec, NamesTheByteAndTheReason) {
  std::string chunk = a_chunk();
  chunk[1] = 2;
  EXPECT_THAT(why_refused(chunk), HasSubstr("the checksum does not match"));
  seal(chunk);
  EXPECT_EQ(why_refused(chunk), "byte 2: chunk kind 2 instead of 1 (fault)");
}

TEST(ChunkCodec, RefusesMoreEventsThanAChunkMayHave) {
  std::string chunk = a_chunk();
  chunk[7] = 0x7f;
  seal(chunk);
  EXPECT_THAT(why_refused(chunk), HasSubstr("byte 8: a chunk cannot have 2130706932 events"));
}

TEST(ChunkCodec, RefusesAnEventCountItsThreadsDoNotAddUpTo) {
  std::string chunk = a_chunk();
  chunk[4] = static_cast<char>(chunk[4] + 1);
  seal(chunk);
  EXPECT_THAT(why_refused(chunk), HasSubstr("do not add up"));
}

// Sealed damage anywhere may be read as other events, but never harms.
TEST(ChunkCodec, SurvivesSealedDamage) {
  const std::string good = a_chunk();
  for (std::size_t i = 0; i + 8 < good.size(); ++i) {
    for (const int change : {1, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ change);
      seal(bad);
      ChunkDecoder decoder;
      std::vector<Fault> faults;
      if (decoder.decode(bad, faults)) {
        ASSERT_LE(faults.size(), kMaxChunkEvents);
        ASSERT_TRUE(std::ranges::is_sorted(faults, {}, &Fault::ts));
      }
    }
  }
}

}  // namespace
}  // namespace ft::recording
