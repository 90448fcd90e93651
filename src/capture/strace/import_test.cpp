#include "capture/strace/import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "event/memory_trace.h"

namespace ft::capture::strace {
namespace {

using event::MemoryTrace;
using event::SyscallNumber;
using event::Trace;
using testing::HasSubstr;

struct Imported {
  ImportSummary summary;
  Trace trace;

  const event::Syscall& call(std::size_t index) const { return trace.syscalls.at(index); }
  std::string path(std::size_t index) const {
    const event::FileId file = call(index).file;
    return file < 0 ? std::string() : trace.files.at(static_cast<std::size_t>(file)).path;
  }
  event::Loss loss(const std::string& kind) const {
    for (const event::Loss& loss : trace.losses) {
      if (loss.kind == kind) return loss;
    }
    ADD_FAILURE() << "no loss of kind " << kind;
    return {};
  }
  const event::Process& process(event::Pid pid) const {
    for (const event::Process& process : trace.processes) {
      if (process.pid == pid) return process;
    }
    ADD_FAILURE() << "no process " << pid;
    static const event::Process none;
    return none;
  }
  event::Pid pid_of(event::Tid tid) const {
    for (const event::Thread& thread : trace.threads) {
      if (thread.tid == tid) return thread.pid;
    }
    ADD_FAILURE() << "no thread " << tid;
    return -1;
  }
};

Imported import(std::string_view log) {
  MemoryTrace memory;
  const Result<ImportSummary> summary = import_log(log, "test.log", memory);
  EXPECT_TRUE(summary.has_value()) << summary.error().message();
  return {summary.value_or(ImportSummary{}), memory.trace().value()};
}

Imported import_whole(std::string_view log) {
  const Imported result = import(log);
  EXPECT_EQ(result.summary.malformed, 0U) << result.loss("line not understood").meaning;
  return result;
}

// The one call of a log of one line.
event::Syscall one(std::string_view line) {
  const Imported result = import_whole(line);
  EXPECT_EQ(result.trace.syscalls.size(), 1U) << line;
  return result.trace.syscalls.empty() ? event::Syscall{} : result.trace.syscalls.front();
}

std::string strict_error(std::string_view log) {
  MemoryTrace memory;
  const auto summary =
      import_log(log, "test.log", memory, {.strictness = Strictness::Strict, .keep_going = {}});
  return summary ? "no error" : summary.error().message();
}

std::string fixture(const std::string& name) {
  return read_file(FT_SOURCE_DIR "/tests/fixtures/strace/" + name).value();
}

TEST(StraceImport, ReadsTheTenCallGroupsOfTheAnalysis) {
  const Imported result = import_whole(fixture("jvm-start-ten-groups.strace"));
  ASSERT_EQ(result.trace.syscalls.size(), 12U);
  const event::Syscall& reserve = result.call(4);
  EXPECT_EQ(reserve.addr(), 0x600000000U);
  EXPECT_EQ(reserve.length(), 8589934592U);
  EXPECT_EQ(reserve.prot(), 0U);
  EXPECT_EQ(reserve.flags(), 0x4022U);
  EXPECT_EQ(reserve.fd(), -1);
  EXPECT_EQ(reserve.ret, 0x600000000);
  EXPECT_EQ(reserve.dur, 89'234'000);
  EXPECT_EQ(reserve.ts, 22'222'000);
  EXPECT_EQ(result.trace.meta_or("backend"), "import");
  EXPECT_EQ(result.trace.meta_or("time.source"), "time of day");
  EXPECT_EQ(result.trace.meta_or("start_realtime_ns", "none"), "none");
}

TEST(StraceImport, ReadsArgumentsInEachOfStracesForms) {
  const event::Syscall symbolic = one(
      "mmap(NULL, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0x3000) = "
      "0x7f0000001000\n");
  const event::Syscall raw = one("mmap(NULL, 4096, 0x5, 0x32, -1, 0x3000) = 0x7f0000001000\n");
  const event::Syscall verbose =
      one("mmap(NULL, 4096, 0x5 /* PROT_READ|PROT_EXEC */, 0x32 /* MAP_PRIVATE|MAP_FIXED|"
          "MAP_ANONYMOUS */, -1, 0x3000) = 0x7f0000001000\n");
  EXPECT_EQ(symbolic.args, raw.args);
  EXPECT_EQ(symbolic.args, verbose.args);
  EXPECT_EQ(raw.prot(), 5U);
  EXPECT_EQ(raw.flags(), 0x32U);
  EXPECT_EQ(raw.offset(), 0x3000U);

  EXPECT_EQ(one("mmap(NULL, 0, 0x10 /* PROT_??? */, 0x5 /* MAP_??? */|MAP_FIXED|0x80, -1, 0) = "
                "-1 EBADF (Bad file descriptor)\n")
                .flags(),
            0x95U);
  EXPECT_EQ(one("mmap(NULL, 0, PROT_NONE, MAP_PRIVATE|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1, 0) = "
                "-1 ENOMEM (Cannot allocate memory)\n")
                .flags(),
            0x2U | 0x40000U | (std::uint64_t{21} << 26U));
}

TEST(StraceImport, ReadsResults) {
  EXPECT_EQ(one("munmap(NULL, 0) = -1 EINVAL (Invalid argument) <0.000046>\n").ret, -22);
  EXPECT_EQ(one("mremap(0x1000, 1, 2, MREMAP_MAYMOVE|MREMAP_FIXED, 0x7000) = 0x7000\n").args[4],
            0x7000U);
  EXPECT_EQ(one("brk(NULL)                               = 0x556fd2573000\n").ret, 0x556fd2573000);
  const event::Syscall restarted =
      one("mmap(NULL, 1, 0, 0, -1, 0) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n");
  EXPECT_EQ(restarted.ret, -512);
  EXPECT_TRUE(restarted.finished);
  EXPECT_TRUE(restarted.failed());
  EXPECT_FALSE(one("exit_group(3)                           = ?\n").finished);
  EXPECT_EQ(one("munmap(0x1000, 4096) = 0 (INJECTED)\n").ret, 0);
  EXPECT_EQ(one("munmap(0x1000, 4096) = 0 <0.000014471>\n").dur, 14471);
  EXPECT_EQ(one("munmap(0x1000, 4096) = 0\n").dur, event::kUnknownDuration);
  EXPECT_EQ(one("mmap(NULL, 18446744073709547520, PROT_EXEC, MAP_SHARED, -1, "
                "0xffffffffffff1000) = -1 EINVAL (Invalid argument)\n")
                .length(),
            18446744073709547520U);
}

TEST(StraceImport, NamesFilesAsProcMapsDoes) {
  const Imported result = import_whole(
      "mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 3</etc/ld.so.cache>, 0) = 0x1000\n"
      "mmap(NULL, 1, PROT_READ, MAP_SHARED, 3</memfd:java_heap>(deleted), 0) = 0x1000\n"
      "mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 3</dev/zero<char 1:5>>, 0) = 0x1000\n"
      "mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 3</tmp/we ird\\74\\76\\n\\\"x, y)>, 0) = 0x1000\n"
      "mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 4<\\x2f\\x61>, 0) = 0x1000\n"
      "mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 4</etc/ld.so.cache>, 0) = 0x1000\n"
      "memfd_create(\"java_heap\", MFD_CLOEXEC) = 5</memfd:java_heap>(deleted)\n");
  EXPECT_EQ(result.path(0), "/etc/ld.so.cache");
  EXPECT_EQ(result.path(1), "/memfd:java_heap (deleted)");
  EXPECT_EQ(result.path(2), "/dev/zero");
  EXPECT_EQ(result.path(3), "/tmp/we ird<>\n\"x, y)");
  EXPECT_EQ(result.path(4), "/a");
  EXPECT_EQ(result.call(5).file, result.call(0).file);
  EXPECT_EQ(result.call(6).file, result.call(1).file);
  EXPECT_EQ(result.call(6).ret, 5);
}

TEST(StraceImport, FollowsDescriptorsWhereTheLogHasNoPaths) {
  const Imported result = import_whole(
      "10 openat(AT_FDCWD, \"/lib/libc.so.6\", O_RDONLY|O_CLOEXEC) = 3\n"
      "10 mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 3, 0) = 0x1000\n"
      "10 close(3) = 0\n"
      "10 mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 3, 0) = -1 EBADF (Bad file descriptor)\n"
      "10 openat(AT_FDCWD, \"/a\", O_RDONLY <unfinished ...>\n"
      "11 brk(NULL) = 0x1000\n"
      "10 <... openat resumed>) = 3\n"
      "10 fcntl(3, F_DUPFD_CLOEXEC, 0) = 9\n"
      "10 mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 9, 0) = 0x1000\n"
      "10 memfd_create(\"heap\", 0) = 4\n"
      "10 ftruncate(4, 4096) = 0\n"
      "10 openat(AT_FDCWD, \"/missing\", O_RDONLY) = -1 ENOENT (No such file or directory)\n");
  EXPECT_EQ(result.path(0), "/lib/libc.so.6");
  EXPECT_EQ(result.path(1), "");
  EXPECT_EQ(result.path(3), "/a");
  EXPECT_EQ(result.path(4), "/memfd:heap (deleted)");
  EXPECT_EQ(result.path(5), "/memfd:heap (deleted)");
}

TEST(StraceImport, JoinsCallsThatOthersInterrupted) {
  const Imported result = import_whole(
      "7 100000000.000010 mprotect(0x1000, 4096, PROT_READ <unfinished ...>\n"
      "8 100000000.000020 madvise(0x7000, 8192, MADV_DONTNEED <unfinished ...>\n"
      "7 100000000.000030 <... mprotect resumed>) = 0 <0.000015>\n"
      "8 100000000.000040 <... madvise resumed> ) = -1 EINVAL (Invalid argument) <0.000016>\n");
  ASSERT_EQ(result.trace.syscalls.size(), 2U);
  EXPECT_EQ(result.call(0).ts, 0);
  EXPECT_EQ(result.call(0).prot(), 1U);
  EXPECT_EQ(result.call(0).dur, 15'000);
  EXPECT_EQ(result.call(1).ts, 10'000);
  EXPECT_EQ(result.call(1).tid, 8);
  EXPECT_EQ(result.call(1).flags(), 4U);
  EXPECT_EQ(result.call(1).ret, -22);
}

TEST(StraceImport, CountsBeginningsWithoutEndAndEndsWithoutBeginning) {
  const Imported result = import_whole(
      "7 <... mmap resumed>) = 0x7f0000000000\n"
      "7 munmap(0x1000, 4096 <unfinished ...>\n"
      "7 mprotect(0x1000, 4096, PROT_READ <unfinished ...>\n"
      "8 madvise(0x1000, 4096, MADV_DONTNEED <unfinished ...>\n"
      "8 +++ killed by SIGKILL +++\n");
  EXPECT_EQ(result.loss("call resumed without its beginning").count, 1U);
  EXPECT_EQ(result.loss("call never resumed").count, 2U);
  ASSERT_EQ(result.trace.syscalls.size(), 2U);
  EXPECT_FALSE(result.call(0).finished);
  EXPECT_FALSE(result.call(1).finished);
}

TEST(StraceImport, TellsThreadsFromProcesses) {
  const Imported result = import_whole(
      "10 execve(\"/bin/a\", [\"a\", \"b c\"], 0x7ffe /* 37 vars */) = 0\n"
      "10 clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_SIGHAND, exit_signal=0, stack=0x7f00} => "
      "{parent_tid=[11]}, 88) = 11\n"
      "10 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f10) = 12\n"
      "12 execve(\"/bin/cut\", [\"0123456789\"..., \"x\", ...], 0x7ffe /* 1 var */ <unfinished "
      "...>\n"
      "11 vfork( <unfinished ...>\n"
      "12 <... execve resumed>) = 0\n"
      "13 brk(NULL) = 0x1000\n"
      "11 <... vfork resumed>) = 13\n"
      "13 +++ exited with 3 +++\n"
      "12 +++ killed by SIGSEGV (core dumped) +++\n"
      "11 +++ exited with 0 +++\n"
      "10 +++ exited with 0 +++\n");
  ASSERT_EQ(result.trace.processes.size(), 3U);
  EXPECT_EQ(result.pid_of(11), 10);
  EXPECT_EQ(result.process(10).command, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(result.process(12).parent, 10);
  EXPECT_EQ(result.process(12).executable, "/bin/cut");
  EXPECT_EQ(result.process(12).command, (std::vector<std::string>{"0123456789...", "x", "..."}));
  EXPECT_TRUE(WIFSIGNALED(result.process(12).wait_status));
  EXPECT_TRUE(WCOREDUMP(result.process(12).wait_status));
  EXPECT_EQ(result.process(13).parent, 10);
  EXPECT_EQ(WEXITSTATUS(result.process(13).wait_status), 3);
  EXPECT_EQ(result.loss("process of a thread assumed").count, 0U);
}

TEST(StraceImport, AssumesWhatClonesWouldHaveSaid) {
  const Imported result = import_whole(
      "10 brk(NULL) = 0x1000\n"
      "11 mmap(NULL, 1, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x1000\n"
      "12 brk(NULL) = 0x1000\n");
  EXPECT_EQ(result.pid_of(11), 10);
  EXPECT_EQ(result.pid_of(12), 12);
  EXPECT_EQ(result.loss("process of a thread assumed").count, 2U);
}

TEST(StraceImport, AThreadThatExecutesAProgramBecomesTheLeader) {
  const Imported result = import_whole(
      "10 execve(\"/bin/a\", [\"a\"], 0x7ffe) = 0\n"
      "10 clone(child_stack=0x1, flags=CLONE_VM|CLONE_THREAD, child_tidptr=0x7f10) = 11\n"
      "11 execve(\"/bin/b\", [\"b\"], 0x7ffe <unfinished ...>\n"
      "10 +++ superseded by execve in pid 11 +++\n"
      "10 <... execve resumed>) = 0\n");
  EXPECT_EQ(result.trace.processes.size(), 1U);
  EXPECT_EQ(result.process(10).executable, "/bin/b");
}

TEST(StraceImport, ReadsTheFormOfStandardError) {
  const Imported result = import_whole(
      "execve(\"/bin/a\", [\"a\"], 0x7ffe /* 1 var */) = 0\n"
      "clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f}strace: Process 21 attached\n"
      " <unfinished ...>\n"
      "[pid    21] munmap(0x1000, 4096)         = 0\n"
      "[pid    20] <... clone3 resumed> => {parent_tid=[21]}, 88) = 21\n"
      "[pid    20] read(3, strace: Process 22 attached\n"
      " <unfinished ...>\n"
      "[pid    22] brk(NULL) = 0x1000\n"
      "[pid    20] munmap(0x2000, 4096)         = 0\n"
      "[pid    22] +++ exited with 0 +++\n"
      "[pid    21] +++ exited with 0 +++\n"
      "munmap(0x3000, 4096) = 0\n"
      "+++ exited with 5 +++\n");
  ASSERT_EQ(result.trace.syscalls.size(), 6U);
  EXPECT_EQ(result.call(0).tid, 20);
  EXPECT_EQ(result.pid_of(21), 20);
  EXPECT_EQ(result.call(5).tid, 20);
  EXPECT_EQ(result.trace.syscalls.back().addr(), 0x3000U);
  EXPECT_EQ(WEXITSTATUS(result.process(20).wait_status), 5);
  EXPECT_EQ(result.trace.meta_or("target.pid"), "20");
}

// strace announces a thread wherever it happens to be in a line; the line goes on in the next.
TEST(StraceImport, LinesGoOnBehindAnAnnouncement) {
  const Imported result = import_whole(
      "[pid 20] munmap(0x1000, strace: Process 21 attached\n"
      "4096) = 0\n"
      "[pid 21] mprotect(0x1000, 4096, strace: Process 22 attached\n"
      "strace: Process 23 attached\n"
      "PROT_READstrace: Process 24 attached\n"
      ") = 0\n");
  ASSERT_EQ(result.trace.syscalls.size(), 2U);
  EXPECT_EQ(result.call(0).length(), 4096U);
  EXPECT_EQ(result.call(1).prot(), 1U);
  EXPECT_EQ(result.summary.threads, 5U);

  EXPECT_EQ(import("[pid 20] munmap(0x1000, strace: Process 21 attached\n"
                   "[pid 21] brk(NULL) = 0x1\n")
                .summary.malformed,
            1U);
}

TEST(StraceImport, KeepsStacksOnce) {
  const std::string stack =
      " > /usr/lib/libc.so.6(__mmap+0x23) [0x101ca3]\n"
      " > /opt/libjvm.so(os::pd_reserve_memory(char*, unsigned long)+0x2c) [0xc1a27c]\n"
      " > /tmp/x (deleted)(main+0x1) [0x10]\n"
      " > /tmp/stripped() [0x20]\n";
  const Imported result = import_whole("munmap(0x1, 2) = 0\n" + stack + "munmap(0x3, 4) = 0\n" +
                                       stack + "munmap(0x5, 6) = 0\n");
  ASSERT_EQ(result.trace.syscalls.size(), 3U);
  ASSERT_EQ(result.trace.stacks.size(), 1U);
  EXPECT_EQ(result.call(0).stack, 0);
  EXPECT_EQ(result.call(1).stack, 0);
  EXPECT_EQ(result.call(2).stack, event::kNoStack);
  const std::vector<event::Frame>& frames = result.trace.stacks[0].frames;
  ASSERT_EQ(frames.size(), 4U);
  EXPECT_EQ(frames[1].symbol, "os::pd_reserve_memory(char*, unsigned long)");
  EXPECT_EQ(frames[1].symbol_offset, 0x2cU);
  EXPECT_EQ(frames[1].module, "/opt/libjvm.so");
  EXPECT_EQ(frames[1].module_offset, 0xc1a27cU);
  EXPECT_EQ(frames[2].module, "/tmp/x (deleted)");
  EXPECT_EQ(frames[2].symbol, "main");
  EXPECT_EQ(frames[3].symbol, "");
}

TEST(StraceImport, StacksOfSkippedCallsAndSignalsBelongToNobody) {
  const Imported result = import_whole(
      "read(3, \"\", 0) = 0\n > /bin/a(main+0x1) [0x1]\n"
      "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---\n"
      " > /bin/a(main+0x2) [0x2]\nmunmap(0x5, 6) = 0\n");
  EXPECT_EQ(result.call(0).stack, event::kNoStack);
  EXPECT_TRUE(result.trace.stacks.empty());
  EXPECT_EQ(result.loss("signal not recorded").count, 1U);
}

TEST(StraceImport, ReadsEachFormOfTime) {
  const auto times = [](const std::string& a, const std::string& b) {
    const Imported result = import_whole(a + "munmap(0x1, 2) = 0\n" + b + "munmap(0x1, 2) = 0\n");
    EXPECT_EQ(result.call(0).ts, 0);
    return std::pair(result.call(1).ts, result.trace.meta_or("time.source"));
  };
  using Expected = std::pair<Nanoseconds, std::string>;
  EXPECT_EQ(times("", ""), Expected(1, "none"));
  EXPECT_EQ(times("14:23:45 ", "14:23:47 "), Expected(2'000'000'000, "time of day"));
  EXPECT_EQ(times("23:59:59.999999 ", "00:00:00.000001 "), Expected(2'000, "time of day"));
  EXPECT_EQ(times("1795352450.000001 ", "1795352451.000003 "), Expected(1'000'002'000, "epoch"));
  EXPECT_EQ(times("1795352450.000000001 ", "1795352450.000000004 "), Expected(3, "epoch"));
  EXPECT_EQ(times("1795352450 ", "1795352451 "), Expected(1'000'000'000, "epoch"));
  EXPECT_EQ(times("     0.000000 ", "     0.000303 "), Expected(303'000, "relative"));
  EXPECT_EQ(times("17391 14:23:45 (+     0.000000) ", "17391 14:23:45 (+     0.000284) "),
            Expected(284'000, "time of day"));
  EXPECT_EQ(times("10929<python3> 15:02:34.995717 [   9] [00007f8407eebca3] ",
                  "10929<python3> 15:02:34.995718 [  11] [????????????????] "),
            Expected(1'000, "time of day"));
}

TEST(StraceImport, AClockThatIsSetBackIsCounted) {
  const Imported result =
      import_whole("1795352450.5 munmap(0x1, 2) = 0\n1795352450.2 munmap(0x1, 2) = 0\n");
  EXPECT_EQ(result.call(1).ts, 0);
  EXPECT_EQ(result.loss("clock stepped back").count, 1U);
  EXPECT_EQ(result.trace.meta_or("start_realtime_ns"), "1795352450500000000");
}

TEST(StraceImport, ThreadsAreNamedWhereTheLogNamesThem) {
  const Imported result = import_whole(
      "10<java> munmap(0x1, 2) = 0\n"
      "11 prctl(PR_SET_NAME, \"C2 CompilerThre\"...) = 0\n");
  EXPECT_EQ(result.trace.threads.at(0).name, "java");
  EXPECT_EQ(result.trace.threads.at(1).name, "C2 CompilerThre");
}

TEST(StraceImport, SkipsWhatIsNotFollowedByName) {
  const Imported result = import_whole(
      "# a comment\n\n"
      "read(3, \"a \\\" <unfinished ...>\", 832) = 832\n"
      "read(3,  <unfinished ...>\n"
      "<... read resumed>\"\", 1) = 0\n"
      "?"
      "?"
      "?"
      "?( <unfinished ...>\n"
      "futex(0x1, FUTEX_WAIT, 2, NULL) = ? ERESTARTSYS (To be restarted)\n"
      "munmap(0x1, 2) = 0\r\n");
  EXPECT_EQ(result.summary.calls, 1U);
  EXPECT_EQ(result.summary.skipped, 4U);
  EXPECT_EQ(result.summary.skipped_by_name.at("read"), 2U);
  EXPECT_THAT(result.loss("call not followed").meaning, HasSubstr("read 2"));
}

TEST(StraceImport, FlagsOfOtherKernelsAreCounted) {
  const Imported result =
      import_whole("madvise(0x1000, 4096, MADV_OF_THE_FUTURE) = 0\nmunmap(0x1, 2) = 0\n");
  EXPECT_EQ(result.summary.calls, 2U);
  EXPECT_EQ(result.loss("flag without a known name").count, 1U);
}

TEST(StraceImport, SaysWhatALogCannotTell) {
  const Imported result = import_whole("munmap(0x1, 2) = 0\n");
  EXPECT_EQ(result.loss("faults not recorded").severity, event::LossSeverity::Notice);
  EXPECT_EQ(result.loss("durations not recorded").count, 1U);
  EXPECT_EQ(result.loss("stacks not recorded").count, 1U);
  EXPECT_EQ(result.loss("times not recorded").count, 1U);
  EXPECT_EQ(result.loss("line not understood").count, 0U);
}

TEST(StraceImport, CountsLinesThatAreNoStraceOutput) {
  const Imported result = import(
      "Picked up JAVA_TOOL_OPTIONS: -Xmx1g\n"
      "munmap(0x1, 2) = 0\n"
      "main(argc) is what the program printed\n"
      "munmap(0x1, 2\n"
      "munmap(0x1, oops) = 0\n"
      "99999999999999999999 munmap(0x1, 2) = 0\n"
      "munmap(0x1, 2) = maybe\n"
      "7 25:00:00 munmap(0x1, 2) = 0\n");
  EXPECT_EQ(result.summary.calls, 2U);
  EXPECT_EQ(result.summary.malformed, 6U);
  const event::Loss loss = result.loss("line not understood");
  EXPECT_EQ(loss.severity, event::LossSeverity::DataLoss);
  EXPECT_EQ(loss.count, 6U);
  EXPECT_THAT(loss.meaning, HasSubstr("test.log:1:"));
  EXPECT_THAT(loss.meaning, HasSubstr("test.log:7:"));
  EXPECT_THAT(loss.meaning, Not(HasSubstr("test.log:8:")));
}

TEST(StraceImport, StrictModeStopsAtThePosition) {
  EXPECT_THAT(strict_error("munmap(0x1, 2) = 0\nmunmap(0x1, 2) = maybe\n"),
              HasSubstr("test.log:2:18: expected the result"));
  EXPECT_THAT(strict_error("7 munmap(0x1, 2 <unfinished ...>\n7 <... munmap resumed>) ? 0\n"),
              HasSubstr("test.log:2:25: expected '='"));
  EXPECT_THAT(strict_error("[pid oops] munmap(0x1, 2) = 0\n"), HasSubstr("test.log:1:6:"));
  EXPECT_THAT(strict_error("munmap(0x1, 2) = 0 > x\n"), HasSubstr("test.log:1:20"));
}

// However many calls are told at once: all before the end are told, in order, and so they are where
// the import fails.
TEST(StraceImport, TellsEveryCallBeforeTheEnd) {
  for (const std::size_t count : {1U, 2U, 511U, 512U, 513U, 1024U, 1500U}) {
    std::string log;
    for (std::size_t i = 0; i < count; ++i) log += fmt::format("brk({:#x}) = 0\n", i);
    for (const bool fails : {false, true}) {
      MemoryTrace memory;
      ImportOptions options;
      if (fails) options.strictness = Strictness::Strict;
      const auto summary =
          import_log(fails ? log + "nonsense\n" : log, "test.log", memory, options);
      EXPECT_NE(summary.has_value(), fails);
      const Trace trace = memory.trace().value();
      // The last one is told once it is clear that no stack follows it, as here it is.
      ASSERT_EQ(trace.syscalls.size(), count) << fails;
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(trace.syscalls[i].args[0], i);
    }
  }
}

TEST(StraceImport, RefusesWhatIsNoLogAtAll) {
  MemoryTrace memory;
  EXPECT_THAT(import_log("", "a.log", memory).error().message(),
              HasSubstr("a.log: the log is empty"));
  EXPECT_THAT(import_log("\x7f"
                         "ELF\nxx\n",
                         "a.log", memory)
                  .error()
                  .message(),
              HasSubstr("a.log:1:1: "));
}

TEST(StraceImport, LinesBeyondTheLimitAreMalformed) {
  std::string log = "munmap(0x1, 2) = 0\n";
  log += "execve(\"" + std::string(kLongestLine, 'x') + "\", [], 0x1) = 0\n";
  log += "munmap(0x1, 2) = 0\n";
  const Imported result = import(log);
  EXPECT_EQ(result.summary.calls, 2U);
  EXPECT_EQ(result.summary.malformed, 1U);
  EXPECT_EQ(result.loss("line too long").count, 1U);
}

TEST(StraceImport, HostileNumbersDoNotOverflow) {
  EXPECT_EQ(import("munmap(0x1ffffffffffffffff, 2) = 0\nmunmap(0x1, 2) = 0\n").summary.malformed,
            1U);
  EXPECT_EQ(import("munmap(0x1, 99999999999999999999) = 0\nbrk(NULL) = 0x1\n").summary.malformed,
            1U);
  EXPECT_EQ(import("brk(NULL) = 0x1 <99999999999999999.0>\nbrk(NULL) = 0x1\n").summary.malformed,
            1U);
  std::string log;
  for (int i = 0; i < 10; ++i) log += "  4294967295.999999 brk(NULL) = 0x1\n";
  const Imported result = import_whole(log);
  EXPECT_GE(result.trace.syscalls.back().ts, 0);
}

TEST(StraceImport, DeepNestingIsNoRecursion) {
  const Imported result =
      import("execve(\"/a\", " + std::string(500'000, '[') + ", 0x1) = 0\nbrk(NULL) = 0x1\n");
  EXPECT_EQ(result.summary.malformed, 1U);
}

TEST(StraceImport, ASinkThatFailsEndsIt) {
  class Full : public MemoryTrace {
   public:
    bool failed() const override { return true; }
  } full;
  const auto summary = import_log("brk(NULL) = 0x1\n", "a.log", full);
  ASSERT_FALSE(summary);
  EXPECT_THAT(summary.error().message(), HasSubstr("cannot be written"));
}

TEST(StraceImport, CanBeInterrupted) {
  std::string log;
  for (int i = 0; i < 10'000; ++i) log += "brk(NULL) = 0x1\n";
  MemoryTrace memory;
  ImportOptions options;
  options.keep_going = [](std::uint64_t) { return false; };
  EXPECT_FALSE(import_log(log, "a.log", memory, options));
}

// A pipe delivers lines in pieces; whatever the pieces, the result is the same as from memory.
TEST(StraceImport, ReadsFromAPipe) {
  std::string log;
  while (log.size() < (std::size_t{6} << 20U)) log += fixture("jdk17-g1-start.strace");
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    for (std::size_t at = 0; at < log.size();) {
      const std::size_t piece = std::min<std::size_t>(log.size() - at, 7919);
      if (::write(ends[1], log.data() + at, piece) < 0) ::_exit(1);
      at += piece;
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  const Fd reader(ends[0]);
  MemoryTrace from_pipe;
  const auto piped = import_fd(reader.get(), "pipe", from_pipe);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(piped) << piped.error().message();
  const Imported whole = import_whole(log);
  EXPECT_EQ(piped->calls, whole.summary.calls);
  EXPECT_EQ(piped->lines, whole.summary.lines);
  EXPECT_EQ(piped->bytes, whole.summary.bytes);
  EXPECT_EQ(piped->malformed, 0U);
}

TEST(StraceImport, AFolderIsNoLog) {
  const Fd folder(::open("/", O_RDONLY | O_CLOEXEC));
  MemoryTrace memory;
  EXPECT_THAT(import_fd(folder.get(), "/", memory).error().message(), HasSubstr("directory"));
}

}  // namespace
}  // namespace ft::capture::strace
