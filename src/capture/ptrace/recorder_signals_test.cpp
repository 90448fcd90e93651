// What a signal to the recorder or to the target does, and how either may end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <string>

#include "capture/ptrace/recording_fixture.h"

namespace ft::capture::ptrace {
namespace {

TEST(PtraceRecorder, PassesOnWhatWasSentToTheRecorderAlone) {
  Recorder recorder([] {
    RecordOptions options;
    options.command = {target("count_signals")};
    return record_quietly(options);
  });
  ASSERT_EQ(recorder.read_line(), "ready");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1}) {
    ::kill(recorder.pid(), signal);
    ::usleep(20'000);
  }
  ::kill(recorder.pid(), SIGUSR2);
  EXPECT_EQ(recorder.read_line(), "1 1 1 1 1");
  EXPECT_EQ(recorder.wait(), 5);
}

pid_t child_of(pid_t parent) {
  std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) +
                         "/children");
  pid_t pid = 0;
  children >> pid;
  return pid;
}

TEST(PtraceRecorder, JobControlStopsAndContinuesTheTarget) {
  Recorder recorder([] {
    RecordOptions options;
    options.command = {target("count_signals")};
    return record_quietly(options);
  });
  ASSERT_EQ(recorder.read_line(), "ready");
  const pid_t pid = child_of(recorder.pid());
  ASSERT_GT(pid, 0);
  for (int round = 0; round < 3; ++round) {
    ::kill(pid, SIGTSTP);
    ASSERT_TRUE(reaches_state(pid, "Tt"));
    ::usleep(30'000);
    ASSERT_TRUE(reaches_state(pid, "Tt"));
    ::kill(pid, SIGCONT);
    ASSERT_TRUE(reaches_state(pid, "SR"));
  }
  ::kill(pid, SIGUSR2);
  EXPECT_EQ(recorder.wait(), 5);
}

TEST(PtraceRecorder, ARecorderKilledHardTakesAFilteredTargetWithIt) {
  Recorder recorder([] {
    RecordOptions options;
    options.command = {target("count_signals")};
    return record_quietly(options);
  });
  ASSERT_EQ(recorder.read_line(), "ready");
  ::kill(recorder.pid(), SIGKILL);
  EXPECT_EQ(recorder.wait(), 128 + SIGKILL);
  EXPECT_EQ(recorder.read_line(), "");  // the target's end of the pipe is closed: it is gone
}

TEST(PtraceRecorder, WaitsForWhatTheTargetLeavesBehindOrForCtrlC) {
  EXPECT_EQ(record_command({"/bin/sh", "-c", "(sleep 0.3; exit 1) & exit 3"}).result.exit_status,
            3);

  Recorder recorder([] {
    RecordOptions options;
    options.command = {"/bin/sh", "-c", "sleep 60 & echo gone; exit 3"};
    return record_quietly(options);
  });
  ASSERT_EQ(recorder.read_line(), "gone");
  ::usleep(300'000);
  ::kill(recorder.pid(), SIGINT);
  EXPECT_EQ(recorder.wait(), 3);
}

}  // namespace
}  // namespace ft::capture::ptrace
