#include "capture/target_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "capture/recorder_fixture.h"

namespace ft::capture {
namespace {
// --- the stops
// ------------------------------------------------------------------------------------

class ExecAndExitStops : public Launch {};
INSTANTIATE_TEST_SUITE_P(, ExecAndExitStops, testing::Values(Stops::ExecAndExit));

TEST_P(ExecAndExitStops, AProgramThatReturnsFromMain) {
  EXPECT_EQ(run({target("threads_exit"), "main"}), 42);
  EXPECT_EQ(seen_->execs, 1);
  EXPECT_EQ(seen_->exits, 1);
  EXPECT_EQ(seen_->exit_wait_status, 42 << 8);
  EXPECT_GT(seen_->maps_lines_at_exec, 3);
  EXPECT_GT(seen_->maps_lines_at_exit, seen_->maps_lines_at_exec);
  EXPECT_EQ(seen_->end_was_seen, 1);
}

TEST_P(ExecAndExitStops, AnotherThreadCallsExit) {
  EXPECT_EQ(run({target("threads_exit"), "other"}), 42);
  EXPECT_EQ(seen_->exits, 1);
  EXPECT_GT(seen_->maps_lines_at_exit, seen_->maps_lines_at_exec);
  EXPECT_EQ(seen_->end_was_seen, 1);
}

TEST_P(ExecAndExitStops, TheLeaderLeavesBeforeTheOthers) {
  EXPECT_EQ(run({target("threads_exit"), "leader"}), 42);
  EXPECT_EQ(seen_->exits, 1);
  EXPECT_EQ(seen_->end_was_seen, 0);  // and says so
}

TEST_P(ExecAndExitStops, AThreadCrashes) {
  EXPECT_EQ(run({target("threads_exit"), "crash"}), 128 + SIGSEGV);
  EXPECT_EQ(seen_->exits, 1);
  EXPECT_EQ(seen_->end_was_seen, 1);
}

TEST_P(ExecAndExitStops, KilledHard) {
  auto recorder = start({target("count_signals")});
  ASSERT_EQ(recorder->read_line(), "ready");
  ::kill(seen_->target_pid, SIGKILL);
  EXPECT_EQ(recorder->wait(), 128 + SIGKILL);
  // Whether the exit stop comes is the kernel's choice; what matters is that the flag agrees.
  EXPECT_EQ(seen_->end_was_seen, seen_->exits > 0 ? 1 : 0);
}

TEST_P(ExecAndExitStops, SeesEachProgramOfAChain) {
  EXPECT_EQ(run({target("exec_chain"), "5"}), 42);
  EXPECT_EQ(seen_->execs, 6);
  EXPECT_EQ(seen_->exits, 1);
  EXPECT_EQ(seen_->end_was_seen, 1);
}

TEST_P(ExecAndExitStops, AThreadOtherThanTheLeaderExecutes) {
  EXPECT_EQ(run({target("exec_chain"), "3", "thread"}), 42);
  // The new programs are seized late or, where they end at once, not at all.
  EXPECT_GE(seen_->execs, 1);
}

TEST_P(ExecAndExitStops, ALongLivedProgramExecutedByAThreadIsSeizedAgain) {
  // The interpreter's leader sleeps, a thread executes a program that lives a while.
  auto recorder = start({"python3", "-c",
                         "import os,threading,time\n"
                         "threading.Thread(target=lambda: os.execv('" +
                             target("count_signals") +
                             "', ['count'])).start()\n"
                             "time.sleep(60)\n"});
  ASSERT_EQ(recorder->read_line(), "ready");
  ::usleep(100'000);
  ::kill(seen_->target_pid, SIGUSR2);
  EXPECT_EQ(recorder->read_line(), "0 0 0 0 0");
  EXPECT_EQ(recorder->wait(), 5);
  EXPECT_EQ(seen_->end_was_seen, 1);
  EXPECT_EQ(seen_->exit_wait_status, 5 << 8);
}

TEST_P(ExecAndExitStops, ChildrenOfTheTargetAreLeftAlone) {
  EXPECT_EQ(run({target("fork_children"), "100"}), 0);
  EXPECT_EQ(seen_->execs, 1);
  EXPECT_EQ(seen_->exits, 1);
  EXPECT_EQ(run({target("nested"), "stop"}), 42);
}

// System.exit() ends the process from a thread that is not the leader.
TEST_P(ExecAndExitStops, AJvmThatCallsSystemExit) {
  const std::string source = testing::TempDir() + "Ends.java";
  std::ofstream(source) << "public class Ends { public static void main(String[] a) {"
                           " new Thread(() -> System.exit(9)).start(); } }\n";
  int tested = 0;
  for (const char* home :
       {"/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/temurin-25-jdk-amd64"}) {
    const std::string java = std::string(home) + "/bin/java";
    if (!std::filesystem::exists(java)) continue;
    ++tested;
    EXPECT_EQ(run({java, source}), 9) << java;
    EXPECT_EQ(seen_->exit_wait_status, 9 << 8);
    EXPECT_GT(seen_->maps_lines_at_exit, 100);
    EXPECT_EQ(seen_->end_was_seen, 1);
  }
  if (tested == 0) GTEST_SKIP() << "no JDK is installed under /usr/lib/jvm";
  EXPECT_EQ(seen_->execs, tested);
  EXPECT_EQ(seen_->exits, tested);
}

}  // namespace
}  // namespace ft::capture
