// A small recording of something that looks like a JVM of G1: what the tests of predictions change.
#pragma once

#include <sys/mman.h>

#include <map>

#include "base/range.h"
#include "sim/replay/test_trace.h"
#include "sim/whatif/draft.h"

namespace ft::sim::whatif::testing {

inline constexpr std::uint64_t kHeap = 0x600000000;
inline constexpr std::uint64_t kHeapBytes = 64 * kMiB;
inline constexpr std::uint64_t kInitialBytes = 16 * kMiB;
inline constexpr std::uint64_t kCards = 0x7f0000000000 - 16 * kMiB;
inline constexpr std::uint64_t kCardBytes = kHeapBytes / 512;
inline constexpr std::uint64_t kCardsOfInitial = kInitialBytes / 512;

// By address.
class RangeParts final : public Parts {
 public:
  RangeParts(const event::Trace& trace, std::map<std::uint64_t, jvm::Subsystem> starts)
      : trace_(trace), starts_(std::move(starts)) {}

  jvm::Subsystem at(event::Pid, std::uint64_t address, Nanoseconds) const override {
    auto after = starts_.upper_bound(address);
    return after == starts_.begin() ? jvm::Subsystem::Unknown : std::prev(after)->second;
  }
  jvm::Subsystem of_call(std::size_t index) const override {
    const event::Syscall& call = trace_.syscalls[index];
    if (call.failed()) return jvm::Subsystem::Unknown;
    return at(call.pid,
              call.number == event::SyscallNumber::Mmap ? static_cast<std::uint64_t>(call.ret)
                                                        : call.addr(),
              call.ts);
  }

 private:
  const event::Trace& trace_;
  std::map<std::uint64_t, jvm::Subsystem> starts_;
};

inline std::unique_ptr<Parts> parts_of(const event::Trace& trace) {
  return std::make_unique<RangeParts>(trace, std::map<std::uint64_t, jvm::Subsystem>{
                                                 {0, jvm::Subsystem::Unknown},
                                                 {kHeap, jvm::Subsystem::JavaHeap},
                                                 {kHeap + kHeapBytes, jvm::Subsystem::Unknown},
                                                 {kCards, jvm::Subsystem::GcCardTable},
                                                 {kCards + kCardBytes, jvm::Subsystem::Unknown}});
}

inline constexpr std::uint64_t kReserveFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
inline constexpr std::uint64_t kCommitFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
inline constexpr std::uint64_t kNoFileArgument = ~std::uint64_t{0};

// Reserves a heap of 64 MiB, commits 16 MiB, touches its last MiB (the young region) and the cards
// of it, as G1 does.
class JvmRecording : public replay::testing::TraceBuilder {
 public:
  JvmRecording() {
    exec_snapshot();
    material.trace.meta["probe.aux.0"] = "G1";
    material.trace.meta["host.thp.enabled"] = "madvise";
    reserve(kHeap, kHeapBytes);
    reserve(kCards, kCardBytes);
    commit(kHeap, kInitialBytes);
    commit(kCards, kCardsOfInitial);
    touch({kHeap + kInitialBytes - kMiB, kHeap + kInitialBytes});
    touch({kCards, kCards + kCardsOfInitial});
  }

  void reserve(std::uint64_t at, std::uint64_t bytes) {
    call(event::SyscallNumber::Mmap, {at, bytes, PROT_NONE, kReserveFlags, kNoFileArgument, 0},
         static_cast<std::int64_t>(at));
  }
  void commit(std::uint64_t at, std::uint64_t bytes) {
    call(event::SyscallNumber::Mmap,
         {at, bytes, PROT_READ | PROT_WRITE, kCommitFlags, kNoFileArgument, 0},
         static_cast<std::int64_t>(at));
  }
  void touch(AddressRange range) {
    for (std::uint64_t at = range.start; at < range.end; at += kPageSize) {
      fault(at, event::kFaultUser | event::kFaultWrite);
    }
  }
};

}  // namespace ft::sim::whatif::testing
