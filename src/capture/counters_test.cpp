#include "capture/counters.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "base/units.h"

namespace ft::capture {
namespace {

std::uint64_t count_in(const Counters& counters, std::string_view event) {
  const std::string text = counters.text();
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view line = take_until(rest, '\n');
    if (!take_word(line).starts_with(event)) continue;
    return parse_integer<std::uint64_t>(take_word(line)).value_or(0);
  }
  return 0;
}

// Of this thread, by the kernel's own account: sanitizers touch memory of theirs.
std::uint64_t minor_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt);
}

TEST(Counters, CountTheFaultsOfAThread) {
  constexpr std::size_t kPages = 500;
  const std::vector<std::string> names = {"perf::MINOR-FAULTS"};
  const Counters counters = Counters::open(names, ::gettid(), Counters::From::Now);
  if (counters.empty()) GTEST_SKIP() << counters.refused().front();
  const std::uint64_t all_before = minor_faults();
  const std::uint64_t before = count_in(counters, "perf::MINOR-FAULTS");
  void* at = ::mmap(nullptr, kPages * kPageSize, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(at, MAP_FAILED);
  ::madvise(at, kPages * kPageSize, MADV_NOHUGEPAGE);
  auto* bytes = static_cast<volatile char*>(at);
  for (std::size_t page = 0; page < kPages; ++page) bytes[page * kPageSize] = 1;
  const std::uint64_t counted = count_in(counters, "perf::MINOR-FAULTS") - before;
  ::munmap(at, kPages * kPageSize);
  EXPECT_GE(counted, kPages);
  EXPECT_LE(counted, minor_faults() - all_before);
}

TEST(Counters, CountNothingBeforeExec) {
  const std::vector<std::string> names = {"perf::CONTEXT-SWITCHES"};
  const Counters counters = Counters::open(names, ::gettid(), Counters::From::Exec);
  if (counters.empty()) GTEST_SKIP() << counters.refused().front();
  ::usleep(1000);
  EXPECT_EQ(count_in(counters, "perf::CONTEXT-SWITCHES"), 0U);
}

TEST(Counters, SayWhatCannotBeCounted) {
  const std::vector<std::string> names = {"no-such-event", "perf::also:none"};
  const Counters counters = Counters::open(names, ::gettid(), Counters::From::Now);
  EXPECT_TRUE(counters.empty());
  EXPECT_EQ(counters.text(), "");
  ASSERT_EQ(counters.refused().size(), 2U);
  EXPECT_TRUE(counters.refused()[0].starts_with("event no-such-event: "));
}

// With a PMU or without: each event is counted or refused, none is both or missing.
TEST(Counters, OfTheTlbAreThereOrSayWhyNot) {
  const std::vector<std::string> names = {std::string(kTlbEvents)};
  const Counters counters = Counters::open(names, ::gettid(), Counters::From::Now);
  EXPECT_EQ(counters.empty(), counters.text().empty());
  if (counters.empty()) {
    ASSERT_FALSE(counters.refused().empty());
    EXPECT_NE(counters.refused().front().find("perf_event_open"), std::string::npos);
  }
}

}  // namespace
}  // namespace ft::capture
