// The importer against the strace of this machine: for each set of options and each program, the
// calls it finds are those that grep finds in the log.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/fd.h"
#include "capture/strace/import.h"
#include "capture/strace/test_programs.h"
#include "event/memory_trace.h"

namespace ft::capture::strace {
namespace {

using testing::grep_count;
using testing::is_executable;
using testing::output_of;
using testing::ScratchFolder;

enum class Where : std::uint8_t { File, StandardError };

struct Options {
  const char* label;
  const char* flags;
  Where where = Where::File;
};

constexpr Options kOptions[] = {
    {"plain", "", Where::File},
    {"follow", "-f", Where::File},
    {"follow_stderr", "-f", Where::StandardError},
    {"t", "-f -t", Where::File},
    {"tt_T_y", "-f -tt -T -y", Where::File},
    {"ttt_T_y", "-f -ttt -T -y", Where::File},
    {"ttt_T_yy_stderr", "-f -ttt -T -yy", Where::StandardError},
    {"r", "-f -r", Where::File},
    {"r_t_stderr", "-f -r -t", Where::StandardError},
    {"memory_only", "-f -ttt -T -e trace=memory", Where::File},
    {"raw", "-f -X raw -y", Where::File},
    {"verbose", "-f -X verbose -T", Where::File},
    {"everything", "-f -tt -T -yy -Y -i -n -v -s 4096", Where::File},
    {"hex_strings", "-f -xx -y", Where::File},
    {"nanoseconds", "-f --absolute-timestamps=unix,ns --syscall-times=ns", Where::File},
};

constexpr const char* kScript =
    "import subprocess, threading, mmap\n"
    "def work():\n"
    "    for i in range(20): bytearray(1 << 21)\n"
    "threads = [threading.Thread(target=work) for _ in range(4)]\n"
    "[t.start() for t in threads]; [t.join() for t in threads]\n"
    "subprocess.run(['/bin/true'])\n"
    "m = mmap.mmap(-1, 1 << 20); m.madvise(mmap.MADV_DONTNEED); m.close()\n";

struct Program {
  const char* label;
  const char* executable;
  std::string (*command)(const ScratchFolder&);
};

std::string run_true(const ScratchFolder&) {
  return "/bin/true";
}
std::string run_python(const ScratchFolder& folder) {
  std::ofstream(folder.file("work.py")) << kScript;
  return "/usr/bin/python3 " + folder.file("work.py");
}
std::string run_java(const ScratchFolder&) {
  return "/usr/bin/java -XX:-UsePerfData -version";
}

constexpr Program kPrograms[] = {
    {"true", "/bin/true", run_true},
    {"python3", "/usr/bin/python3", run_python},
    {"java", "/usr/bin/java", run_java},
};

struct Imported {
  ImportSummary summary;
  event::Trace trace;
};

Imported import_path(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  event::MemoryTrace memory;
  const auto summary = import_fd(fd.get(), path, memory);
  EXPECT_TRUE(summary) << summary.error().message();
  return {summary.value_or(ImportSummary{}), memory.trace().value()};
}

std::string not_understood(const event::Trace& trace) {
  for (const event::Loss& loss : trace.losses) {
    if (loss.kind == "line not understood") return loss.meaning;
  }
  return {};
}

// Where a program's own output may stand in the log (standard error), it is no strace output.
void expect_same_counts(const Imported& imported, const std::string& path) {
  std::map<std::string_view, std::uint64_t> counts;
  for (const event::Syscall& call : imported.trace.syscalls) ++counts[event::name_of(call.number)];
  for (const event::SyscallShape& shape : event::followed_syscalls()) {
    EXPECT_EQ(counts[shape.name], grep_count(path, shape.name)) << shape.name;
  }
}

using Case = std::tuple<Program, Options>;

class RealStrace : public ::testing::TestWithParam<Case> {};

TEST_P(RealStrace, FindsTheCallsThatGrepFinds) {
  const auto& [program, options] = GetParam();
  if (!testing::strace_works()) GTEST_SKIP() << "strace is missing, or may not trace here";
  if (!is_executable(program.executable)) GTEST_SKIP() << program.executable << " is missing";
  const ScratchFolder folder;
  const std::string log = folder.file("log");
  const std::string command = program.command(folder);
  const std::string line =
      options.where == Where::File
          ? fmt::format("strace {} -o {} {} >/dev/null 2>&1", options.flags, log, command)
          : fmt::format("strace {} sh -c 'exec {} 2>/dev/null' 2>{} >/dev/null", options.flags,
                        command, log);
  ASSERT_EQ(std::system(line.c_str()), 0) << line;

  const Imported imported = import_path(log);
  EXPECT_EQ(imported.summary.malformed, 0U) << not_understood(imported.trace);
  EXPECT_GT(imported.summary.calls, 10U);
  EXPECT_EQ(imported.summary.calls, imported.trace.syscalls.size());
  expect_same_counts(imported, log);
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  return std::string(std::get<0>(info.param).label) + "_" + std::get<1>(info.param).label;
}

INSTANTIATE_TEST_SUITE_P(Options, RealStrace,
                         ::testing::Combine(::testing::ValuesIn(kPrograms),
                                            ::testing::ValuesIn(kOptions)),
                         case_name);

TEST(RealStraceStacks, EveryCallHasTheFramesThatFollowIt) {
  if (!testing::strace_works()) GTEST_SKIP() << "strace is missing, or may not trace here";
  const ScratchFolder folder;
  const std::string log = folder.file("log");
  const std::string line =
      fmt::format("strace -k -f -y -T -ttt -e trace=memory -o {} /bin/true >/dev/null 2>&1", log);
  if (std::system(line.c_str()) != 0) GTEST_SKIP() << "this strace has no -k";
  const Imported imported = import_path(log);
  EXPECT_EQ(imported.summary.malformed, 0U);
  expect_same_counts(imported, log);
  std::uint64_t frames = 0;
  for (const event::Syscall& call : imported.trace.syscalls) {
    ASSERT_NE(call.stack, event::kNoStack);
    frames += imported.trace.stacks[static_cast<std::size_t>(call.stack)].frames.size();
  }
  // Those behind "+++ exited" are exit_group's, which is not traced here.
  const std::string last_line = trim(output_of("grep -n '+++' " + log + " | cut -d: -f1")).data();
  const std::string before =
      output_of("head -n " + std::string(trim(last_line)) + " " + log + " | grep -c '^ > .*('");
  EXPECT_EQ(frames, parse_integer<std::uint64_t>(trim(before)).value_or(0));
}

TEST(RealStraceProcesses, KnowsChildrenAndHowTheyEnded) {
  if (!testing::strace_works()) GTEST_SKIP() << "strace is missing, or may not trace here";
  const ScratchFolder folder;
  for (const char* redirect : {"-o", "2>"}) {
    const std::string log = folder.file("log");
    const std::string line = fmt::format(
        "strace -f {} {} sh -c '(exit 7); sh -c \"kill -9 \\$\\$\"; /bin/true; exit 3' >/dev/null",
        redirect, log);
    (void)!std::system((line + (redirect[0] == '-' ? " 2>/dev/null" : "")).c_str());
    const Imported imported = import_path(log);
    const event::Trace& trace = imported.trace;
    ASSERT_EQ(trace.processes.size(), 4U) << redirect;
    EXPECT_EQ(WEXITSTATUS(trace.processes[0].wait_status), 3);
    EXPECT_EQ(WEXITSTATUS(trace.processes[1].wait_status), 7);
    EXPECT_EQ(trace.processes[1].exec_ts, event::kStillThere);
    EXPECT_EQ(WTERMSIG(trace.processes[2].wait_status), 9);
    EXPECT_EQ(trace.processes[3].executable, "/bin/true");
    for (std::size_t i = 1; i < 4; ++i)
      EXPECT_EQ(trace.processes[i].parent, trace.processes[0].pid);
  }
}

}  // namespace
}  // namespace ft::capture::strace
