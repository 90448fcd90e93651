// Does `import strace` leave a recording, or nothing?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/fd.h"
#include "run.h"

namespace ft::e2e {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::string fixture(const std::string& name) {
  return FT_SOURCE_DIR "/tests/fixtures/strace/" + name;
}

Finished shell(const std::string& script) {
  return run({"sh", "-c", script});
}

std::string written(const std::string& name, const std::string& text) {
  const std::string path = scratch(name);
  std::ofstream(path) << text;
  return path;
}

// Nothing under the name, nor what SQLite keeps beside it.
void expect_nothing_left(const std::string& path) {
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
    EXPECT_FALSE(fs::exists(path + suffix)) << path << suffix;
  }
}

TEST(ImportStrace, MakesARecordingThatPrintsAsTheLog) {
  const std::string path = scratch("start.ft");
  const Finished ran =
      run({firsttouch(), "import", "strace", fixture("jdk17-g1-start.strace"), "-o", path});
  ASSERT_EQ(ran.exit_status(), 0) << ran.err;
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("40 calls of 1 threads"));
  EXPECT_THAT(ran.err, HasSubstr("every line understood"));
  const Finished printed = run({firsttouch(), "report", path, "--format", "strace"});
  EXPECT_EQ(printed.out, read_file(fixture("jdk17-g1-start.strace")).value());
}

TEST(ImportStrace, KeepsStacksInTheRecording) {
  const std::string path = scratch("stacks.ft");
  ASSERT_EQ(run({firsttouch(), "import", "strace", fixture("jdk17-g1-stacks.stracek"), "-o", path})
                .exit_status(),
            0);
  const Recorded recorded = load(path);
  ASSERT_FALSE(recorded.trace.stacks.empty());
  const event::Frame& frame = recorded.trace.stacks.at(0).frames.at(0);
  EXPECT_EQ(frame.symbol, "_dl_catch_error");
  EXPECT_EQ(frame.symbol_offset, 0x26f0U);
  EXPECT_EQ(frame.module_offset, 0x1ab70U);
  EXPECT_EQ(recorded.trace.meta.at("backend"), "import");
}

TEST(ImportStrace, ReadsAPipe) {
  const std::string path = scratch("piped.ft");
  const Finished ran = shell(fmt::format("cat {} | {} import strace - -o {}",
                                         fixture("jdk17-g1-start.strace"), firsttouch(), path));
  EXPECT_EQ(ran.exit_status(), 0) << ran.err;
  EXPECT_EQ(load(path).trace.syscalls.size(), 40U);
}

TEST(ImportStrace, TheDefaultNameKeepsTheOneBefore) {
  const std::string folder = scratch("default");
  fs::create_directory(folder);
  const std::string again = fmt::format("cd {} && {} import strace {}", folder, firsttouch(),
                                        fixture("jdk17-g1-start.strace"));
  ASSERT_EQ(shell(again).exit_status(), 0);
  EXPECT_FALSE(fs::exists(folder + "/firsttouch.ft.old"));
  ASSERT_EQ(shell(again).exit_status(), 0);
  EXPECT_TRUE(fs::exists(folder + "/firsttouch.ft.old"));
  // An import that fails puts the older one back.
  const std::string before = read_file(folder + "/firsttouch.ft").value();
  EXPECT_EQ(shell(fmt::format("cd {} && {} import strace /etc/passwd", folder, firsttouch()))
                .exit_status(),
            125);
  EXPECT_EQ(read_file(folder + "/firsttouch.ft").value(), before);
}

TEST(ImportStrace, DamagedLinesAreCountedOrFatal) {
  const std::string log = written("damaged.log", "munmap(0x1, 2) = 0\nmunmap(0x1, 2) = x\n");
  const std::string path = scratch("damaged.ft");
  const Finished lenient = run({firsttouch(), "import", "strace", log, "-o", path});
  EXPECT_EQ(lenient.exit_status(), 0);
  EXPECT_THAT(lenient.err, HasSubstr("1 lines NOT understood"));
  EXPECT_EQ(load(path).lost(), 1U);

  const std::string strict_path = scratch("strict.ft");
  const Finished strict =
      run({firsttouch(), "import", "strace", "--strict", log, "-o", strict_path});
  EXPECT_EQ(strict.exit_status(), 125);
  EXPECT_THAT(strict.err, HasSubstr(log + ":2:18: "));
  expect_nothing_left(strict_path);
}

TEST(ImportStrace, WhatIsNoLogLeavesNoFile) {
  const std::string path = scratch("none.ft");
  for (const std::string& log :
       {std::string("/no/such/log"), std::string("/"), firsttouch(), written("empty.log", "")}) {
    const Finished ran = run({firsttouch(), "import", "strace", log, "-o", path});
    EXPECT_EQ(ran.exit_status(), 125) << log;
    EXPECT_THAT(ran.err, HasSubstr("firsttouch: " + log)) << log;
    expect_nothing_left(path);
  }
}

TEST(ImportStrace, DoesNotOverwriteItsLog) {
  const std::string log = written("self.log", "munmap(0x1, 2) = 0\n");
  const Finished ran = run({firsttouch(), "import", "strace", log, "-o", log});
  EXPECT_EQ(ran.exit_status(), 125);
  EXPECT_EQ(read_file(log).value(), "munmap(0x1, 2) = 0\n");
}

TEST(ImportStrace, WrongUsage) {
  EXPECT_EQ(run({firsttouch(), "import"}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "import", "strace"}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "import", "perf", "x"}).exit_status(), 2);
}

TEST(ImportStrace, CtrlCLeavesNoFile) {
  const std::string pipe = scratch("fifo");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string path = scratch("interrupted.ft");
  // The shell holds the pipe open for writing, so that the import waits for more.
  Running import({"sh", "-c",
                  fmt::format("exec 3<>{}; echo 'munmap(0x1, 2) = 0' >&3; exec {} import "
                              "strace - -o {} <&3",
                              pipe, firsttouch(), path)});
  for (int i = 0; i < 500 && !fs::exists(path); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ASSERT_TRUE(fs::exists(path)) << import.output();
  import.send(SIGINT);
  const int status = import.wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
  expect_nothing_left(path);
}

}  // namespace
}  // namespace ft::e2e
