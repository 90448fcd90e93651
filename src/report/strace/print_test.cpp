#include "report/strace/print.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>

#include "event/syscall_flags.h"
#include "report/strace/escape.h"

namespace ft::report::strace {
namespace {

using event::Syscall;
using event::SyscallNumber;
using event::Trace;

std::string print_text(const Trace& trace) {
  std::string text;
  EXPECT_TRUE(print(trace, [&](std::string_view piece) {
    text += piece;
    return true;
  }));
  return text;
}

Syscall call(SyscallNumber number, std::array<std::uint64_t, 6> args, std::int64_t ret,
             Nanoseconds ts = 0, Nanoseconds dur = event::kUnknownDuration, event::Tid tid = 7) {
  Syscall made;
  made.number = number;
  made.args = args;
  made.ret = ret;
  made.ts = ts;
  made.dur = dur;
  made.tid = tid;
  made.pid = 7;
  return made;
}

// The line of one call, without pid, time and padding.
std::string line_of(const Syscall& made, std::vector<event::File> files = {}) {
  Trace trace;
  trace.meta["time.source"] = "none";
  trace.meta["import.pids"] = "none";
  trace.files = std::move(files);
  trace.syscalls = {made};
  std::string line = print_text(trace);
  EXPECT_TRUE(line.ends_with('\n'));
  line.pop_back();
  const std::size_t close = line.find(") ");
  if (close == std::string::npos) return line;
  return line.substr(0, close + 2) + line.substr(line.find_first_not_of(' ', close + 1));
}

TEST(StracePrint, OneLineWithPidTimeAndDuration) {
  Trace trace;
  trace.meta["start_realtime_ns"] = "1795352450183069000";
  trace.syscalls = {call(SyscallNumber::Brk, {0}, 0x5624f44c2000, 0, 21'999),
                    call(SyscallNumber::Munmap, {0x1000, 4096}, 0, 1'000'500, 35'000)};
  EXPECT_EQ(print_text(trace),
            "7     1795352450.183069 brk(NULL)       = 0x5624f44c2000 <0.000021>\n"
            "7     1795352450.184069 munmap(0x1000, 4096) = 0 <0.000035>\n");
}

TEST(StracePrint, CallsInStracesNotation) {
  EXPECT_EQ(line_of(call(SyscallNumber::Mmap, {0, 8192, 3, 0x22, 0xffffffff, 0}, -ENOMEM)),
            "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM "
            "(Cannot allocate memory)");
  EXPECT_EQ(line_of(call(SyscallNumber::Mremap, {0x1000, 1, 2, 1, 0x7000}, 0x2000)),
            "mremap(0x1000, 1, 2, MREMAP_MAYMOVE) = 0x2000");
  EXPECT_EQ(line_of(call(SyscallNumber::Mremap, {0x1000, 1, 2, 3, 0x7000}, 0x7000)),
            "mremap(0x1000, 1, 2, MREMAP_MAYMOVE|MREMAP_FIXED, 0x7000) = 0x7000");
  EXPECT_EQ(line_of(call(SyscallNumber::Fallocate, {3, 3, ~std::uint64_t{4095}, 8192}, 0)),
            "fallocate(3, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, -4096, 8192) = 0");
  EXPECT_EQ(line_of(call(SyscallNumber::Shmget, {0, 4096, 01600}, 5)),
            "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 5");
  EXPECT_EQ(line_of(call(SyscallNumber::Clone, {0x1200011, 0, 0, 0x7f10, 0}, 12)),
            "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, "
            "child_tidptr=0x7f10) = 12");
  EXPECT_EQ(line_of(call(SyscallNumber::Prctl, {0x53564d41, 0, 0x1000, 4096, 0}, 0)),
            "prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x1000, 4096, NULL) = 0");
  EXPECT_EQ(
      line_of(call(SyscallNumber::Mbind, {0x1000, 1, 0x8002, event::kPointerNotShown, 64, 1}, 0)),
      "mbind(0x1000, 1, MPOL_BIND|MPOL_F_STATIC_NODES, [...], 64, MPOL_MF_STRICT) = 0");
  Syscall unfinished = call(SyscallNumber::ExitGroup, {3}, 0);
  unfinished.finished = false;
  EXPECT_EQ(line_of(unfinished), "exit_group(3) = ?");
  EXPECT_EQ(line_of(call(SyscallNumber::Munlockall, {}, -512)),
            "munlockall() = ? ERESTARTSYS (To be restarted if SA_RESTART is set)");
}

TEST(StracePrint, DescriptorsCarryTheirFiles) {
  Syscall map = call(SyscallNumber::Mmap, {0, 1, 1, 1, 3, 0x123000}, 0x1000);
  map.file = 0;
  EXPECT_EQ(
      line_of(map, {{.path = "/memfd:java_heap (deleted)"}}),
      "mmap(NULL, 1, PROT_READ, MAP_SHARED, 3</memfd:java_heap>(deleted), 0x123000) = 0x1000");
  Syscall create = call(SyscallNumber::MemfdCreate, {event::kPointerNotShown, 1}, 4);
  create.file = 0;
  EXPECT_EQ(line_of(create, {{.path = "/memfd:" + std::string(40, 'x') + " (deleted)"}}),
            "memfd_create(\"" + std::string(32, 'x') +
                "\"..., MFD_CLOEXEC) = 4</memfd:" + std::string(40, 'x') + ">(deleted)");
  map.file = 99;  // a damaged recording
  EXPECT_EQ(line_of(map), "mmap(NULL, 1, PROT_READ, MAP_SHARED, 3, 0x123000) = 0x1000");
}

TEST(StracePrint, SplitsCallsThatOthersInterrupt) {
  Trace trace;
  trace.meta["start_realtime_ns"] = "100000000000000000";
  trace.syscalls = {call(SyscallNumber::Munmap, {0x1000, 1}, 0, 0, 50'000, 7),
                    call(SyscallNumber::Munmap, {0x2000, 2}, 0, 10'000, 20'000, 8),
                    call(SyscallNumber::Munmap, {0x3000, 3}, 0, 90'000, 20'000, 8)};
  EXPECT_EQ(print_text(trace),
            "7     100000000.000000 munmap(0x1000, 1 <unfinished ...>\n"
            "8     100000000.000010 munmap(0x2000, 2) = 0 <0.000020>\n"
            "7     100000000.000050 <... munmap resumed>) = 0 <0.000050>\n"
            "8     100000000.000090 munmap(0x3000, 3) = 0 <0.000020>\n");
}

TEST(StracePrint, TellsHowThreadsEnded) {
  Trace trace;
  trace.meta["start_realtime_ns"] = "100000000000000000";
  trace.processes = {{.pid = 7, .exec_ts = 0, .end_ts = 40'000, .wait_status = 3 << 8},
                     {.pid = 9, .end_ts = 50'000, .wait_status = 11 | 0x80}};
  trace.threads = {{.tid = 7, .pid = 7, .end_ts = 40'000},
                   {.tid = 8, .pid = 7, .end_ts = 10'000},
                   {.tid = 9, .pid = 9, .end_ts = 50'000},
                   {.tid = 10, .pid = 9}};
  trace.syscalls = {call(SyscallNumber::ExitGroup, {3}, 0, 20'000)};
  trace.syscalls[0].finished = false;
  EXPECT_EQ(print_text(trace),
            "8     100000000.000010 +++ exited with 0 +++\n"
            "7     100000000.000020 exit_group(3)    = ?\n"
            "7     100000000.000040 +++ exited with 3 +++\n"
            "9     100000000.000050 +++ killed by SIGSEGV (core dumped) +++\n");
}

TEST(StracePrint, ExecShowsTheProgramItStarted) {
  Trace trace;
  trace.meta["time.source"] = "none";
  trace.processes = {
      {.pid = 7, .exec_ts = 5, .executable = "/bin/a\n", .command = {"a", std::string(33, 'b')}}};
  trace.syscalls = {call(SyscallNumber::Execve, {1, 2, 0x7ffe}, 0, 5),
                    call(SyscallNumber::Execve, {1, 2, 0x7ffe}, -ENOENT, 9)};
  EXPECT_EQ(print_text(trace),
            "7     execve(\"/bin/a\\n\", [\"a\", \"" + std::string(32, 'b') +
                "\"...], 0x7ffe) = 0\n"
                "7     execve(0x1, 0x2, 0x7ffe)          = -1 ENOENT (No such file "
                "or directory)\n");
}

TEST(StracePrint, StopsWhenTheReaderIsGone) {
  Trace trace;
  trace.syscalls.assign(10'000, call(SyscallNumber::Munmap, {0x1000, 1}, 0, 0, 1));
  int pieces = 0;
  EXPECT_FALSE(print(trace, [&](std::string_view) { return ++pieces < 2; }));
  EXPECT_EQ(pieces, 2);
}

TEST(StracePrint, HandsOutLongTracesInPieces) {
  Trace trace;
  trace.syscalls.assign(50'000, call(SyscallNumber::Munmap, {0x1000, 1}, 0, 0, 1));
  std::size_t largest = 0;
  ASSERT_TRUE(print(trace, [&](std::string_view piece) {
    largest = std::max(largest, piece.size());
    EXPECT_TRUE(piece.ends_with('\n'));
    return true;
  }));
  EXPECT_LT(largest, 100'000U);
}

TEST(StracePrint, NothingIsNoLine) {
  EXPECT_EQ(print_text(Trace{}), "");
}

TEST(StraceEscape, AsShortAsTheNextCharacterAllows) {
  std::string text;
  append_quoted(text, std::string_view("a\"b\n\t<>\\\1\0013\377x", 13), 32);
  EXPECT_EQ(text, "\"a\\\"b\\n\\t<>\\\\\\1\\0013\\377x\"");
  text.clear();
  append_decoration(text, "/tmp/<a>\"\n (deleted)");
  EXPECT_EQ(text, "</tmp/\\74a\\76\\\"\\n>(deleted)");
}

}  // namespace
}  // namespace ft::report::strace
