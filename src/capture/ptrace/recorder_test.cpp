// Records real programs and compares with what strace sees of the same programs.
#include "capture/ptrace/recorder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "capture/ptrace/recording_fixture.h"
#include "host/maps.h"

namespace ft::capture::ptrace {
namespace {

using event::SyscallNumber;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

std::string followed_names() {
  std::string names;
  for (const event::SyscallShape& shape : event::followed_syscalls()) {
    if (shape.number == SyscallNumber::Exit || shape.number == SyscallNumber::ExitGroup) continue;
    // strace 6.1 does not know these.
    if (shape.number == SyscallNumber::MapShadowStack || shape.number == SyscallNumber::Mseal) {
      continue;
    }
    names += (names.empty() ? "" : ",") + std::string(shape.name);
  }
  return names;
}

bool have_strace() {
  return std::system("strace -V >/dev/null 2>&1") == 0;
}

// How often strace sees each followed call of the same command.
Counts counts_by_strace(const std::vector<std::string>& command) {
  const std::string log = testing::TempDir() + "strace." + std::to_string(::getpid());
  std::vector<std::string> words = {
      "strace", "-f", "-qq", "-o", log, "-e", "trace=" + followed_names(), "-e", "signal=none"};
  words.insert(words.end(), command.begin(), command.end());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(::open("/dev/null", O_WRONLY), 1);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::waitpid(pid, nullptr, 0);
  Counts counts;
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words_of_line(line);
    std::string tid;
    std::string call;
    words_of_line >> tid >> call;
    const std::size_t parenthesis = call.find('(');
    // "<... mmap resumed>" and "+++ exited with 0 +++" begin no call.
    const bool is_resumed = call == "<...";
    const bool starts_again = line.find("= ? ERESTART") != std::string::npos;
    if (is_resumed && starts_again) {
      words_of_line >> call;
      --counts[call];
    }
    if (parenthesis == std::string::npos || parenthesis == 0 || starts_again) continue;
    ++counts[call.substr(0, parenthesis)];
  }
  std::filesystem::remove(log);
  return counts;
}

class SameCallsAsStrace : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(SameCallsAsStrace, Exactly) {
  if (!have_strace()) GTEST_SKIP() << "strace is not installed";
  std::vector<std::string> command = GetParam();
  if (command[0].find('/') == std::string::npos) command[0] = target(command[0]);
  if (!std::filesystem::exists(command[0])) GTEST_SKIP() << command[0] << " is not installed";
  const Counts expected = counts_by_strace(command);
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(counts_of(record_command(command).trace), expected);
}

INSTANTIATE_TEST_SUITE_P(
    Programs, SameCallsAsStrace,
    testing::Values(
        std::vector<std::string>{"mmap_sequence"}, std::vector<std::string>{"fork_children", "200"},
        std::vector<std::string>{"threads_exit", "main", "1"},
        std::vector<std::string>{"threads_exit", "other"},
        std::vector<std::string>{"touch_pages", "100"},
        std::vector<std::string>{"unmap_everything"}, std::vector<std::string>{"exec_chain", "4"},
        std::vector<std::string>{"exec_chain", "3", "thread"},
        std::vector<std::string>{"exec_chain", "3", "vfork"},
        std::vector<std::string>{"exec_chain", "3", "spawn"},
        std::vector<std::string>{"nested", "seccomp"}, std::vector<std::string>{"nested", "stop"},
        std::vector<std::string>{"/bin/bash", "--norc", "-c",
                                 "for i in 1 2 3; do /bin/true; done; (exit 3); echo x | /bin/cat"},
        std::vector<std::string>{"/usr/bin/python3", "-I", "-c",
                                 "import mmap; m = mmap.mmap(-1, 1 << 20); m.close()"}));

TEST(PtraceRecorder, RecordsArgumentsResultsAndFiles) {
  const Trace trace = record_command({target("mmap_sequence")}).trace;
  std::vector<const event::Syscall*> maps;
  for (const event::Syscall& call : trace.syscalls) {
    EXPECT_TRUE(call.finished);
    EXPECT_GE(call.dur, 0);
    if (call.number == SyscallNumber::Mmap) maps.push_back(&call);
  }
  ASSERT_EQ(maps.size(), 12U);
  EXPECT_EQ(maps[0]->length(), 16 * kPageSize);
  EXPECT_EQ(maps[0]->prot(), 3U);
  EXPECT_EQ(maps[0]->flags(), 0x22U);
  EXPECT_EQ(maps[0]->fd(), -1);
  EXPECT_EQ(maps[0]->file, event::kNoFile);
  EXPECT_GT(maps[0]->ret, 0x10000);
  EXPECT_EQ(maps[10]->ret, -EINVAL);  // of length 0
  ASSERT_NE(maps[11]->file, event::kNoFile);
  const event::File& file = trace.files.at(static_cast<std::size_t>(maps[11]->file));
  EXPECT_EQ(file.path, "/memfd:sequence (deleted)");
  EXPECT_GT(file.inode, 0U);
  // fallocate and ftruncate name the same file.
  int others = 0;
  for (const event::Syscall& call : trace.syscalls) {
    if (call.number != SyscallNumber::Fallocate && call.number != SyscallNumber::Ftruncate)
      continue;
    EXPECT_EQ(call.file, maps[11]->file);
    ++others;
  }
  EXPECT_EQ(others, 2);
}

TEST(PtraceRecorder, StacksLeadFromTheWrapperThroughMain) {
  const Trace trace = record_command({target("mmap_sequence")}).trace;
  std::vector<host::Vma> areas;
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.moment == "exec" && snapshot.source == "maps") {
      areas = host::parse_maps(snapshot.text).value();
    }
  }
  const auto is_program_code = [&](std::uint64_t address) {
    return std::ranges::any_of(areas, [&](const host::Vma& area) {
      return area.executable && area.range.contains(address) &&
             area.name.ends_with("mmap_sequence");
    });
  };
  int looked_at = 0;
  for (const event::Syscall& call : trace.syscalls) {
    if (call.number != SyscallNumber::Madvise && call.number != SyscallNumber::Munmap) continue;
    const event::Stack& stack = trace.stacks.at(static_cast<std::size_t>(call.stack));
    EXPECT_EQ(stack.pid, call.pid);
    ASSERT_GE(stack.frames.size(), 3U);  // wrapper, main, the C library's caller of main
    EXPECT_TRUE(is_program_code(stack.frames[0].address));
    EXPECT_TRUE(is_program_code(stack.frames[1].address));
    EXPECT_TRUE(is_program_code(stack.frames[2].address));
    ++looked_at;
  }
  EXPECT_EQ(looked_at, 22);
}

TEST(PtraceRecorder, FollowsThreadsAndTheirNames) {
  const Recorded recorded = record_command({target("threads_exit"), "main", "4"});
  EXPECT_EQ(recorded.result.exit_status, 42);
  std::set<std::string> names;
  for (const event::Thread& thread : recorded.trace.threads) {
    names.insert(thread.name);
    EXPECT_GE(thread.end_ts, thread.start_ts);
    EXPECT_EQ(thread.pid, recorded.trace.processes.at(0).pid);
  }
  EXPECT_THAT(names,
              UnorderedElementsAre("threads_exit", "worker 0", "worker 1", "worker 2", "worker 3"));
  EXPECT_EQ(counts_of(recorded.trace)["munmap"], 40);
}

TEST(PtraceRecorder, FollowsAThousandChildren) {
  const Recorded recorded = record_command({target("fork_children"), "1000"});
  EXPECT_EQ(recorded.result.exit_status, 0);
  ASSERT_EQ(recorded.trace.processes.size(), 1001U);
  const event::Pid parent = recorded.trace.processes[0].pid;
  int ended_with[7] = {};
  for (std::size_t i = 1; i < 1001; ++i) {
    const event::Process& child = recorded.trace.processes[i];
    EXPECT_EQ(child.parent, parent);
    EXPECT_GE(child.end_ts, child.start_ts);
    ++ended_with[exit_status_of(child.wait_status)];
  }
  EXPECT_EQ(ended_with[0], 143);
  EXPECT_EQ(ended_with[6], 142);
  EXPECT_EQ(counts_of(recorded.trace)["mmap"], 1000);
}

TEST(PtraceRecorder, SaysWhatItCannotSee) {
  const Trace trace = record_command({target("touch_pages"), "1000"}).trace;
  const auto losses = losses_of(trace);
  ASSERT_THAT(losses, Contains(testing::Key("page faults")));
  const std::uint64_t faults =
      std::stoull(trace.meta.at("target.minflt")) + std::stoull(trace.meta.at("target.majflt"));
  EXPECT_GE(faults, 1000U);
  EXPECT_LE(faults, 1100U);
  EXPECT_EQ(losses.at("page faults").count, faults);
  for (const auto& [kind, loss] : losses) {
    if (loss.severity == event::LossSeverity::DataLoss) {
      EXPECT_EQ(loss.count, 0U) << kind;
    }
  }
  EXPECT_EQ(trace.meta.at("latency.source"), "tracer");
  EXPECT_EQ(trace.meta.at("backend"), "ptrace");
  EXPECT_EQ(trace.meta.at("target.exit_status"), "0");
  EXPECT_EQ(trace.meta.at("target.pid"), std::to_string(trace.processes.at(0).pid));
  EXPECT_LT(std::stoll(trace.meta.at("target.exec_ts")),
            std::stoll(trace.meta.at("target.exit_ts")));
}

TEST(PtraceRecorder, LooksAtTheTargetAfterExecAndBeforeItsEnd) {
  for (const char* mode : {"main", "other", "crash"}) {
    const Trace trace = record_command({target("threads_exit"), mode}).trace;
    EXPECT_THAT(
        snapshots_of(trace, trace.processes.at(0).pid),
        testing::IsSupersetOf({"exec maps", "exec status", "end maps", "end smaps", "end status"}))
        << mode;
    EXPECT_FALSE(losses_of(trace).contains("end snapshot")) << mode;
  }
}

TEST(PtraceRecorder, TheLeaderMayLeaveBeforeTheOthers) {
  const Recorded recorded = record_command({target("threads_exit"), "leader"});
  EXPECT_EQ(recorded.result.exit_status, 42);
  // The snapshot is taken when the process ends and not when its leader does.
  const Trace& trace = recorded.trace;
  EXPECT_THAT(snapshots_of(trace, trace.processes.at(0).pid), Contains("end smaps"));
}

TEST(PtraceRecorder, ReportsTheTargetsOwnStatus) {
  const std::vector<std::pair<std::vector<std::string>, int>> cases = {
      {{"/bin/sh", "-c", "exit 7"}, 7},
      {{target("raise_signal"), "15"}, 128 + SIGTERM},
      {{target("raise_signal"), "9"}, 128 + SIGKILL},
      {{target("raise_signal"), "11"}, 128 + SIGSEGV},
      {{target("raise_signal"), "18"}, 3},
      {{target("unmap_everything")}, 128 + SIGSEGV},
      {{target("exec_chain"), "4", "thread"}, 42},
      {{target("exec_chain"), "3", "vfork"}, 42},
      {{target("exec_chain"), "3", "spawn"}, 42},
      {{target("nested"), "seccomp"}, 42},
      {{target("nested"), "strict"}, 42},
      {{target("nested"), "ptrace"}, 42},
      {{target("nested"), "stop"}, 42},
  };
  for (const auto& [command, status] : cases) {
    EXPECT_EQ(record_command(command).result.exit_status, status)
        << testing::PrintToString(command);
  }
}

TEST(PtraceRecorder, TellsWhyACommandDidNotStart) {
  const Recorded missing = record_command({"no-such-command-anywhere"});
  EXPECT_EQ(missing.result.exit_status, 127);
  ASSERT_TRUE(missing.result.not_started);
  EXPECT_THAT(missing.result.not_started->message(), HasSubstr("command not found"));
  EXPECT_THAT(missing.trace.syscalls, IsEmpty());

  const Recorded folder = record_command({"/usr"});
  EXPECT_EQ(folder.result.exit_status, 126);
  ASSERT_TRUE(folder.result.not_started);
}

TEST(PtraceRecorder, RecordsEachProgramOfAChainOnce) {
  const Trace trace = record_command({target("exec_chain"), "3"}).trace;
  ASSERT_EQ(trace.processes.size(), 1U);
  EXPECT_THAT(trace.processes[0].command, testing::ElementsAre(target("exec_chain"), "0", "plain"));
  EXPECT_EQ(trace.processes[0].executable, target("exec_chain"));
  EXPECT_EQ(counts_of(trace)["execve"], 4);
}

TEST(PtraceRecorder, LooksThroughPathWithoutRecordingTheSearch) {
  const Trace trace = record_command({"true"}).trace;
  EXPECT_EQ(counts_of(trace)["execve"], 1);
  EXPECT_EQ(counts_of(trace).count("prctl"), 0U);  // the held child's own
}

TEST(PtraceRecorder, RunsForAnOrdinaryUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become an ordinary user";
  Recorder recorder([] {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) return 90;
    // As a login would: a process that changed its user may not be ptraced by it.
    ::prctl(PR_SET_DUMPABLE, 1);
    RecordOptions options;
    options.command = {"/bin/sh", "-c", "exit 4"};
    event::MemoryTrace memory;
    const auto result = record(options, memory);
    if (!result || result->exit_status != 4) return 91;
    const Trace trace = memory.trace().value();
    if (trace.syscalls.size() < 10) return 92;
    if (!losses_of(trace).contains("set-uid programs")) return 93;
    return 0;
  });
  EXPECT_EQ(recorder.wait(), 0);
}

TEST(PtraceRecorder, RunsTheTargetAsAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  RecordOptions options;
  options.command = {"/bin/sh", "-c", "exit $(($(id -u) == 65534 ? 7 : 8))"};
  options.user = "nobody";
  event::MemoryTrace memory;
  const auto result = record(options, memory);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->exit_status, 7);
  const Trace trace = memory.trace().value();
  EXPECT_GT(trace.syscalls.size(), 10U);
  EXPECT_EQ(losses_of(trace).at("stack unreadable").count, 0U);
}

// A sink whose disk is full after some calls.
class FullSink final : public event::MemoryTrace {
 public:
  void on_syscall(const event::Syscall& call) override {
    ++calls;
    event::MemoryTrace::on_syscall(call);
  }
  bool failed() const override { return calls >= 20; }

  int calls = 0;
};

TEST(PtraceRecorder, ATargetOutlivesASinkThatFails) {
  RecordOptions options;
  options.command = {target("fork_children"), "50"};
  FullSink sink;
  const auto result = record(options, sink);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->exit_status, 0);
  EXPECT_EQ(sink.calls, 20);
}

TEST(PtraceJvm, RecordsAStartWithStacksThatReachTheJvm) {
  int tested = 0;
  for (const char* home :
       {"/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/temurin-25-jdk-amd64"}) {
    const std::string java = std::string(home) + "/bin/java";
    if (!std::filesystem::exists(java)) continue;
    ++tested;
    const Recorded recorded =
        record_command({java, "-Xms256m", "-Xmx8g", "-XX:+UseG1GC", "-version"});
    EXPECT_EQ(recorded.result.exit_status, 0);
    const Trace& trace = recorded.trace;
    EXPECT_GT(counts_of(trace)["mmap"], 100);
    EXPECT_THAT(trace.files, Contains(testing::Field(&event::File::path, HasSubstr("/libjvm.so"))));
    EXPECT_THAT(trace.threads,
                Contains(testing::Field(&event::Thread::name, HasSubstr("GC Thread"))));
    // The heap: its reservation was asked for by libjvm, many frames deep.
    const auto heap = std::ranges::find_if(trace.syscalls, [](const event::Syscall& call) {
      return call.number == SyscallNumber::Mmap && call.length() == 8 * kGiB && !call.failed();
    });
    ASSERT_NE(heap, trace.syscalls.end());
    EXPECT_GE(trace.stacks.at(static_cast<std::size_t>(heap->stack)).frames.size(), 8U);
    EXPECT_EQ(losses_of(trace).at("stack unreadable").count, 0U);
    EXPECT_FALSE(losses_of(trace).contains("end snapshot"));
  }
  if (tested == 0) GTEST_SKIP() << "no JDK is installed under /usr/lib/jvm";
}

}  // namespace
}  // namespace ft::capture::ptrace
