// Question: do starts with other flags replay without contradiction, and is each byte still given
// an owner where there are no stacks?
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "attribution/owner_history.h"
#include "captures.h"

namespace ft::fidelity {
namespace {

using attribution::OwnerHistory;
using jvm::Subsystem;

std::vector<std::string> logs() {
  std::vector<std::string> logs;
  if (captures_dir().empty()) return logs;
  for (const auto& entry : std::filesystem::directory_iterator(captures_dir() + "/flags")) {
    if (entry.path().extension() == ".gz") logs.push_back(entry.path());
  }
  std::ranges::sort(logs);
  return logs;
}

TEST(Flags, ReplayWithoutContradiction) {
  const std::vector<std::string> all = logs();
  if (all.empty()) GTEST_SKIP() << "no captures beside this checkout";
  EXPECT_GE(all.size(), 40U);
  for (const std::string& path : all) {
    const auto trace = import_capture(path);
    ASSERT_TRUE(trace) << trace.error().message();
    const OwnerHistory history = OwnerHistory::build(*trace);
    for (const std::string& contradiction : history.contradictions()) {
      ADD_FAILURE() << path << ": " << contradiction;
    }
    std::uint64_t heap = 0;
    std::uint64_t mapped = 0;
    std::uint64_t unknown = 0;
    const event::Pid pid = trace->syscalls.front().pid;
    const Nanoseconds end = trace->syscalls.back().ts;
    for (const attribution::Region* region : history.regions_at(pid, end - 1)) {
      const Subsystem subsystem = history.owners()[region->owner].subsystem;
      if (subsystem == Subsystem::JavaHeap) heap += region->range.size();
      if (subsystem == Subsystem::Unknown) unknown += region->range.size();
      mapped += region->range.size();
    }
    EXPECT_LE(double(unknown), 0.001 * double(mapped)) << path;
    if (path.find("aotrec") == path.npos) {
      EXPECT_GE(heap, 8ULL << 30U) << path;
    }
  }
}

}  // namespace
}  // namespace ft::fidelity
