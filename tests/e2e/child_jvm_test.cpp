// A JVM behind a start script: is it looked at before it ends, and does nobody notice?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include "base/fd.h"
#include "base/text.h"
#include "run.h"

namespace ft::e2e {
namespace {

using testing::HasSubstr;
using testing::IsSupersetOf;

const std::vector<std::string> kAll = {"maps", "numa_maps", "smaps", "status"};

// Sources of the JVM's snapshot before its end.
std::vector<std::string> sources_at_end(const Recorded& recorded) {
  std::vector<std::string> sources;
  for (const event::Process& process : recorded.trace.processes) {
    if (process.pid == recorded.target() || !process.executable.ends_with("/java")) continue;
    for (const event::Snapshot& snapshot : recorded.trace.snapshots) {
      if (snapshot.pid == process.pid && snapshot.moment == "end")
        sources.push_back(snapshot.source);
    }
  }
  return sources;
}

TEST(ChildJvm, HasASnapshotBeforeItEnds) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
  for (const Jdk& jdk : jdks) {
    const std::string script =
        fmt::format("{} -cp {} Hello; exit $((100 + $?))", jdk.java(), classes());
    const Recorded recorded = record("script.ft", {"sh", "-c", script}, {}, 100);
    EXPECT_THAT(sources_at_end(recorded), IsSupersetOf(kAll)) << "JDK " << jdk.name;
    const Finished report = run({firsttouch(), "report", scratch("script.ft")});
    EXPECT_THAT(report.out, HasSubstr("Java heap")) << "JDK " << jdk.name;
    const Finished check = run({firsttouch(), "check", scratch("script.ft")});
    EXPECT_EQ(check.exit_status(), 0) << check.out << check.err;
  }
}

TEST(ChildJvm, GetsItsSignals) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
  // Stopped and continued on its way, then asked to end.
  const std::string script = fmt::format(
      "{} -cp {} Sleep > {} & java=$!; until grep -q ready {}; do sleep 0.1; done; "
      "kill -STOP $java; sleep 0.2; kill -CONT $java; kill $java; wait $java; exit $?",
      jdks.front().java(), classes(), scratch("said"), scratch("said"));
  const Recorded recorded = record("signals.ft", {"sh", "-c", script}, {}, 128 + SIGTERM);
  EXPECT_THAT(sources_at_end(recorded), IsSupersetOf(kAll));
}

TEST(ChildJvm, RunsOnWhenTheTargetHasEnded) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
  const std::string said = scratch("left");
  const std::string script = fmt::format(
      "{} -cp {} Sleep > {} & echo $! > {}.pid; until grep -q ready {}; do sleep 0.1; done",
      jdks.front().java(), classes(), said, said, said);
  record("left.ft", {"sh", "-c", script});
  const auto text = read_file(said + ".pid");
  ASSERT_TRUE(text);
  const auto pid = parse_integer<pid_t>(trim(*text));
  ASSERT_TRUE(pid);
  const auto status = read_file(fmt::format("/proc/{}/status", *pid));
  ASSERT_TRUE(status) << "it is gone";
  EXPECT_THAT(*status, HasSubstr("TracerPid:\t0"));
  EXPECT_THAT(*status, testing::Not(HasSubstr("State:\tt")));
  EXPECT_EQ(::kill(*pid, SIGKILL), 0);
}

}  // namespace
}  // namespace ft::e2e
