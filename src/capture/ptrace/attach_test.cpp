// Recordings of a process that runs already (-p PID).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "capture/ptrace/recording_fixture.h"

namespace ft::capture::ptrace {
namespace {

using event::SyscallNumber;
using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

class Attach : public testing::Test {
 protected:
  // A running target in a group of its own.
  Attach()
      : running_([] {
          const std::string program = target("count_signals");
          ::execl(program.c_str(), program.c_str(), nullptr);
          return 1;
        }) {
    EXPECT_EQ(running_.read_line(), "ready");
  }
  // It must have survived with all its wits.
  ~Attach() override {
    ::kill(running_.pid(), SIGUSR2);
    EXPECT_EQ(running_.read_line(), "0 0 0 0 0");
    EXPECT_EQ(running_.wait(), 5);
  }

  Recorder running_;
};

TEST_F(Attach, RecordsForAWhileAndLetsGo) {
  RecordOptions options;
  options.attach = running_.pid();
  options.duration = 300'000'000;
  event::MemoryTrace memory;
  const auto result = record(options, memory);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->exit_status, 0);
  const Trace trace = memory.trace().value();
  const Counts counts = counts_of(trace);
  EXPECT_THAT(counts, Contains(Pair("mmap", testing::Gt(5))));
  EXPECT_THAT(counts, Contains(Pair("munmap", testing::Gt(5))));
  ASSERT_EQ(trace.processes.size(), 1U);
  EXPECT_TRUE(trace.processes[0].present_at_start);
  EXPECT_EQ(trace.processes[0].end_ts, event::kStillThere);
  EXPECT_THAT(snapshots_of(trace, running_.pid()),
              testing::IsSupersetOf({"attach maps", "attach smaps", "end maps", "end smaps"}));
  EXPECT_TRUE(reaches_state(running_.pid(), "SR"));
}

TEST_F(Attach, CtrlCEndsTheRecordingAndNotTheTarget) {
  const pid_t pid = running_.pid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Recorder recorder([pid] {
      RecordOptions options;
      options.attach = pid;
      ::dprintf(1, "go\n");
      return record_quietly(options);
    });
    ASSERT_EQ(recorder.read_line(), "go");
    ::usleep(150'000);
    ::kill(recorder.pid(), signal);
    EXPECT_EQ(recorder.wait(), 0);
  }
}

TEST_F(Attach, ARecorderKilledHardLeavesTheTargetRunning) {
  const pid_t pid = running_.pid();
  Recorder recorder([pid] {
    RecordOptions options;
    options.attach = pid;
    return record_quietly(options);
  });
  ::usleep(150'000);
  ::kill(recorder.pid(), SIGKILL);
  EXPECT_EQ(recorder.wait(), 128 + SIGKILL);
}

TEST_F(Attach, SaysWhoTracesItAlready) {
  const pid_t pid = running_.pid();
  Recorder first([pid] {
    RecordOptions options;
    options.attach = pid;
    options.duration = 2'000'000'000;
    return record_quietly(options);
  });
  ::usleep(200'000);
  RecordOptions options;
  options.attach = pid;
  event::MemoryTrace trace;
  const auto result = record(options, trace);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(),
              HasSubstr("process " + std::to_string(first.pid()) + " traces it already"));
  ::kill(first.pid(), SIGINT);
  EXPECT_EQ(first.wait(), 0);
}

TEST(AttachErrors, SaysWhyThereIsNothingToAttachTo) {
  RecordOptions options;
  event::MemoryTrace trace;
  options.attach = 0x3fffff;
  EXPECT_THAT(record(options, trace).error().message(), HasSubstr("there is no such process"));
  options.attach = 2;
  if (!std::filesystem::exists("/proc/2/cmdline")) GTEST_SKIP() << "no kernel threads in sight";
  EXPECT_THAT(record(options, trace).error().message(), HasSubstr("kernel thread"));
}

TEST(AttachThreads, SeesEveryThreadAndThoseBornLater) {
  Recorder running([] {
    ::execlp("python3", "python3", "-c",
             "import threading, time, mmap\n"
             "def work():\n"
             "  end = time.time() + 2\n"
             "  while time.time() < end:\n"
             "    mmap.mmap(-1, 4096).close(); time.sleep(0.005)\n"
             "ts = [threading.Thread(target=work) for i in range(4)]\n"
             "[t.start() for t in ts]\n"
             "print('ready', flush=True)\n"
             "time.sleep(0.4)\n"
             "t = threading.Thread(target=work); t.start()\n"
             "t.join(); [t.join() for t in ts]\n",
             nullptr);
    return 1;
  });
  if (running.read_line() != "ready") GTEST_SKIP() << "python3 is not installed";
  RecordOptions options;
  options.attach = running.pid();
  options.duration = 900'000'000;
  event::MemoryTrace memory;
  const auto result = record(options, memory);
  ASSERT_TRUE(result) << result.error().message();
  const Trace trace = memory.trace().value();
  std::set<event::Tid> mapping;
  for (const event::Syscall& call : trace.syscalls) {
    if (call.number == SyscallNumber::Mmap && call.length() == 4096) mapping.insert(call.tid);
  }
  EXPECT_EQ(mapping.size(), 5U);
  EXPECT_GE(trace.threads.size(), 6U);
  EXPECT_EQ(running.wait(), 0);
}

}  // namespace
}  // namespace ft::capture::ptrace
