#include "host/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "event/memory_trace.h"
#include "host/maps.h"
#include "host/test_files.h"

namespace ft::host {
namespace {

using testing::HasSubstr;

TEST(Snapshot, CopiesTheFilesOfThisProcess) {
  event::MemoryTrace sink;
  take_process_snapshot(::getpid(), "exec", 123, kProcessSources, sink);
  const auto trace = sink.trace();
  ASSERT_TRUE(trace);
  ASSERT_EQ(trace->snapshots.size() + trace->losses.size(), kProcessSources.size());
  const event::Snapshot& maps = trace->snapshots[0];
  EXPECT_EQ(maps.source, "maps");
  EXPECT_EQ(maps.ts, 123);
  EXPECT_EQ(maps.pid, ::getpid());
  EXPECT_EQ(maps.moment, "exec");
  EXPECT_TRUE(parse_maps(maps.text));
}

TEST(Snapshot, CopiesTheFilesOfTheHost) {
  event::MemoryTrace sink;
  take_host_snapshot("end", 5, sink);
  const auto trace = sink.trace();
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->snapshots.size() + trace->losses.size(), kHostSources.size());
  EXPECT_EQ(trace->snapshots[0].source, "meminfo");
  EXPECT_EQ(trace->snapshots[0].pid, 0);
  EXPECT_THAT(trace->snapshots[0].text, HasSubstr("MemTotal:"));
}

TEST(Snapshot, CopiesWholeFilesOfAnySize) {
  const TempRoot root;
  const std::string large(3'000'001, 'x');
  root.write("/proc/7/maps", large);
  root.write("/proc/7/status", "short");
  event::MemoryTrace sink;
  const std::array<std::string_view, 2> sources = {"maps", "status"};
  take_process_snapshot(7, "end", 0, sources, sink, root.path());
  const auto trace = sink.trace();
  ASSERT_EQ(trace->snapshots.size(), 2U);
  EXPECT_EQ(trace->snapshots[0].text, large);
  EXPECT_EQ(trace->snapshots[1].text, "short");
}

TEST(Snapshot, MissingAndEmptyFilesAreNoticed) {
  const TempRoot root;
  root.write("/proc/7/maps", "");
  root.make_folder("/proc/7/smaps");
  event::MemoryTrace sink;
  take_process_snapshot(7, "end", 0, kProcessSources, sink, root.path());
  const auto trace = sink.trace();
  EXPECT_TRUE(trace->snapshots.empty());
  ASSERT_EQ(trace->losses.size(), kProcessSources.size());
  EXPECT_EQ(trace->losses[0].kind, "no maps at end");
  EXPECT_EQ(trace->losses[0].count, 1U);
  EXPECT_EQ(trace->losses[0].severity, event::LossSeverity::Notice);
  EXPECT_THAT(trace->losses[0].meaning, HasSubstr("empty"));
  EXPECT_THAT(trace->losses[1].meaning, HasSubstr("Is a directory"));
  EXPECT_THAT(trace->losses[3].meaning, HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace ft::host
