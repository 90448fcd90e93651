#include "capture/working_set_scanner.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/clock.h"
#include "capture/tlb_evictor.h"
#include "event/memory_trace.h"
#include "host/referenced.h"

namespace ft::capture {
namespace {

TEST(TlbEvictor, ComesBackToWhereTheThreadMayRun) {
  const auto evictor = TlbEvictor::make();
  ASSERT_TRUE(evictor) << evictor.error().message();
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  std::set<int> allowed;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &before)) allowed.insert(cpu);
  }
  EXPECT_EQ(evictor->evict(allowed), allowed.size());
  EXPECT_EQ(evictor->evict({-1, CPU_SETSIZE, CPU_SETSIZE + 1}), 0U);
  cpu_set_t after;
  ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

// Of this process itself: a mapping that is used all the time, and one that is not.
TEST(WorkingSetScanner, TellsUsedFromUnused) {
  constexpr std::size_t kBytes = 256 * kPageSize;
  const auto map = [] {
    void* at = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(at, MAP_FAILED);
    auto* bytes = static_cast<volatile char*>(at);
    for (std::size_t i = 0; i < kBytes; i += kPageSize) bytes[i] = 1;
    return bytes;
  };
  volatile char* used = map();
  volatile char* unused = map();
  event::MemoryTrace trace;
  WorkingSetScanner scanner(20'000'000, monotonic_now());
  scanner.begin(::getpid());
  const Nanoseconds end = monotonic_now() + 500'000'000;
  while (monotonic_now() < end) {
    for (std::size_t i = 0; i < kBytes; i += kPageSize) used[i] = 2;
    scanner.tell_new(trace);
  }
  scanner.finish(trace);
  const auto told = trace.trace();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->meta.at("working_set.interval_ns"), "20000000");
  std::size_t looks = 0;
  std::size_t saw_all_used = 0;
  std::size_t saw_unused = 0;
  for (const event::Snapshot& snapshot : told->snapshots) {
    if (snapshot.pid != ::getpid()) continue;
    ++looks;
    const auto scan = host::parse_referenced(snapshot.text);
    ASSERT_TRUE(scan) << scan.error().message();
    for (const host::ReferencedArea& area : scan->areas) {
      const auto holds = [&](volatile char* at) {
        return area.range.contains(reinterpret_cast<std::uint64_t>(at));
      };
      if (holds(used) && area.referenced >= kBytes) ++saw_all_used;
      if (holds(unused) && !holds(used) && area.referenced != 0) ++saw_unused;
    }
  }
  ::munmap(const_cast<char*>(used), kBytes);
  ::munmap(const_cast<char*>(unused), kBytes);
  if (looks < 4) GTEST_SKIP() << "too busy a machine: " << looks << " looks";
  EXPECT_GE(2 * saw_all_used, looks);
  EXPECT_EQ(saw_unused, 0U);
}

TEST(WorkingSetScanner, OfAProcessThatIsGoneTellsNothing) {
  event::MemoryTrace trace;
  WorkingSetScanner scanner(5'000'000, monotonic_now());
  scanner.begin(0x3fffffff);  // above any pid_max
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  scanner.finish(trace);
  const auto told = trace.trace();
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->snapshots.empty());
  EXPECT_FALSE(told->meta.contains("working_set.problem"));
}

}  // namespace
}  // namespace ft::capture
