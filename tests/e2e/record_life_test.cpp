// Does `record` behave as the target's user and the operator expect, whatever happens to either?
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/fd.h"
#include "run.h"

namespace ft::e2e {
namespace {

using testing::HasSubstr;

std::vector<std::string> backends() {
  return why_no_bpf() ? std::vector<std::string>{"ptrace"}
                      : std::vector<std::string>{"bpf", "ptrace"};
}

std::vector<std::string> recording_of(const std::string& backend, const std::string& path,
                                      const std::vector<std::string>& command) {
  std::vector<std::string> words = {firsttouch(), "record", "--backend", backend, "-o", path, "--"};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

TEST(RecordLife, TheExitStatusIsTheTargets) {
  for (const std::string& backend : backends()) {
    const std::string path = scratch("status.ft");
    EXPECT_EQ(run(recording_of(backend, path, {"sh", "-c", "exit 7"})).exit_status(), 7);
    EXPECT_EQ(run(recording_of(backend, path, {"sh", "-c", "kill -TERM $$"})).exit_status(),
              128 + SIGTERM);
    EXPECT_EQ(run(recording_of(backend, path, {"sh", "-c", "kill -KILL $$"})).exit_status(),
              128 + SIGKILL);
  }
}

TEST(RecordLife, WhatCannotBeExecutedLeavesNoFile) {
  for (const std::string& backend : backends()) {
    const std::string path = scratch("missing.ft");
    const Finished missing = run(recording_of(backend, path, {"/no/such/program"}));
    EXPECT_EQ(missing.exit_status(), 127);
    EXPECT_THAT(missing.err, HasSubstr("firsttouch: "));
    const Finished folder = run(recording_of(backend, path, {"/etc/passwd"}));
    EXPECT_EQ(folder.exit_status(), 126);
    EXPECT_FALSE(std::filesystem::exists(path));
  }
}

TEST(RecordLife, StandardStreamsAreTheTargets) {
  for (const std::string& backend : backends()) {
    const Finished ran = run(recording_of(backend, scratch("streams.ft"),
                                          {"sh", "-c", "echo out; echo err >&2; wc -c"}));
    EXPECT_EQ(ran.out, "out\n0\n");
    EXPECT_EQ(ran.err, "err\n");
  }
}

TEST(RecordLife, AnUnwritableOutputFailsBeforeTheTargetStarts) {
  const std::string mark = scratch("ran");
  const Finished ran =
      run({firsttouch(), "record", "-o", "/no/such/folder/x.ft", "--", "touch", mark});
  EXPECT_EQ(ran.exit_status(), 125);
  EXPECT_THAT(ran.err, HasSubstr("/no/such/folder/x.ft"));
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST(RecordLife, WrongUsageIsSaid) {
  EXPECT_EQ(run({firsttouch(), "record"}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "record", "--backend", "magic", "--", "true"}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "record", "-p", "1", "--", "true"}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "record", "--duration", "3", "--", "true"}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "record", "-p", "999999999"}).exit_status(), 125);
}

TEST(RecordLife, AnOlderDefaultRecordingIsPutAside) {
  const std::string folder = scratch("default");
  std::filesystem::create_directories(folder);
  const std::string again = fmt::format("cd {} && {} record -- true && {} record -- true", folder,
                                        firsttouch(), firsttouch());
  ASSERT_EQ(run({"sh", "-c", again}).exit_status(), 0);
  EXPECT_TRUE(std::filesystem::exists(folder + "/firsttouch.ft"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/firsttouch.ft.old"));
}

TEST(RecordLife, InterruptEndsWithAGoodFile) {
  for (const std::string& backend : backends()) {
    const std::string path = scratch("interrupt.ft");
    Running recorder(recording_of(backend, path, {"sh", "-c", "echo ready; exec sleep 100"}));
    ASSERT_TRUE(recorder.wait_for("ready"));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    recorder.send(SIGINT);  // passed on to the target, which dies of it
    const int status = recorder.wait();
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + SIGINT);
    EXPECT_FALSE(load(path).trace.cut_short);
  }
}

TEST(RecordLife, KillingTheRecorderLeavesTheTargetRunningAndAFileThatSaysSo) {
  FT_NEEDS_BPF();
  const std::string path = scratch("killed.ft");
  Running recorder(
      recording_of("bpf", path, {"sh", "-c", "echo pid $$; sleep 1; echo went on; sleep 100"}));
  ASSERT_TRUE(recorder.wait_for("pid "));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  recorder.send(SIGKILL);
  recorder.wait();
  EXPECT_TRUE(recorder.wait_for("went on"));
  const std::string said = recorder.output();
  const pid_t target = std::stoi(said.substr(said.find("pid ") + 4));
  EXPECT_EQ(::kill(target, 0), 0);
  ::kill(target, SIGKILL);
  EXPECT_TRUE(load(path).trace.cut_short);
  const Finished report = run({firsttouch(), "report", path});
  EXPECT_EQ(report.exit_status(), 0) << report.err;
  EXPECT_THAT(report.out, HasSubstr("cut short"));
}

TEST(RecordLife, KillingTheTargetEndsTheRecordingWell) {
  for (const std::string& backend : backends()) {
    const std::string path = scratch("target-killed.ft");
    Running recorder(recording_of(backend, path, {"sh", "-c", "echo pid $$; exec sleep 100"}));
    ASSERT_TRUE(recorder.wait_for("pid "));
    const std::string said = recorder.output();
    ::kill(std::stoi(said.substr(said.find("pid ") + 4)), SIGKILL);
    const int status = recorder.wait();
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + SIGKILL);
    EXPECT_FALSE(load(path).trace.cut_short);
  }
}

TEST(RecordLife, AFullDiskIsReportedAndTheTargetFinishes) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a small file system needs root";
  const std::string folder = scratch("small-disk");
  std::filesystem::create_directories(folder);
  const std::string script = fmt::format(
      "mount -t tmpfs -o size=64k none {0} || exit 99; {1} record -o {0}/x.ft -- {2} 200000; echo "
      "status $?",
      folder, firsttouch(), target("touch_pages"));
  const Finished ran = run({"unshare", "-m", "sh", "-c", script});
  if (ran.exit_status() == 99) GTEST_SKIP() << "mounting is denied: " << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("status 125"));
  EXPECT_THAT(ran.err, HasSubstr("x.ft"));
}

TEST(RecordLife, ARunningProcessIsFollowedAndLeftRunning) {
  for (const std::string& backend : backends()) {
    Running target_process({"python3", "-u", "-c",
                            "import time, mmap\n"
                            "print('ready')\n"
                            "while True:\n"
                            "    m = mmap.mmap(-1, 1 << 20)\n"
                            "    m.write(b'x' * (1 << 20))\n"
                            "    m.close()\n"
                            "    time.sleep(0.01)\n"});
    ASSERT_TRUE(target_process.wait_for("ready"));
    const std::string path = scratch("attach.ft");
    const Finished ran = run({firsttouch(), "record", "--backend", backend, "-o", path, "-p",
                              std::to_string(target_process.pid()), "--duration", "0.5"});
    EXPECT_EQ(ran.exit_status(), 0) << ran.err;
    EXPECT_EQ(::kill(target_process.pid(), 0), 0);
    Recorded recorded = load(path);
    EXPECT_GT(recorded.calls_by_name()["mmap"], 5);
    EXPECT_GT(recorded.calls_by_name()["munmap"], 5);
    EXPECT_EQ(recorded.lost(), 0U);
    if (backend == "bpf") {
      EXPECT_GT(recorded.faults.size(), 1000U);
    }
  }
}

// A start script is not what one wants to know about: its child is the subject, whole.
TEST(RecordLife, AProgramThatAScriptStartsHasItsImageAndStackInTheRecording) {
  for (const std::string& backend : backends()) {
    const std::string path = scratch("script.ft");
    const Finished ran = run({firsttouch(), "record", "--backend", backend, "-o", path, "--", "sh",
                              "-c", target("touch_pages") + " 20000; true"});
    ASSERT_EQ(ran.exit_status(), 0) << ran.err;
    const Recorded recorded = load(path);
    const auto child = std::ranges::find_if(recorded.trace.processes, [](const auto& process) {
      return process.executable.ends_with("touch_pages");
    });
    ASSERT_NE(child, recorded.trace.processes.end());
    const auto maps = std::ranges::find_if(recorded.trace.snapshots, [&](const auto& snapshot) {
      return snapshot.pid == child->pid && snapshot.moment == "exec" && snapshot.source == "maps";
    });
    ASSERT_NE(maps, recorded.trace.snapshots.end()) << backend;
    EXPECT_THAT(maps->text, HasSubstr("[stack]"));
    EXPECT_THAT(maps->text, HasSubstr("touch_pages"));
    const Finished report = run({firsttouch(), "report", path});
    EXPECT_THAT(report.out, HasSubstr("touch_pages"));
    EXPECT_THAT(report.out, HasSubstr("Main stack")) << backend;
  }
}

// Holds whoever is about to execute one of the files, until let go.
class HeldExecs {
 public:
  explicit HeldExecs(const std::vector<std::string>& files)
      : group_(::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC)) {
    works_ = group_.valid();
    for (const std::string& file : files) {
      works_ = works_ && ::fanotify_mark(group_.get(), FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, AT_FDCWD,
                                         file.c_str()) == 0;
    }
  }
  bool works() const { return works_; }

  // Waits for the next one; false after ten seconds.
  bool wait() {
    pollfd ready{group_.get(), POLLIN, 0};
    if (::poll(&ready, 1, 10'000) != 1) return false;
    fanotify_event_metadata event{};
    if (::read(group_.get(), &event, sizeof(event)) != sizeof(event)) return false;
    held_ = Fd(event.fd);
    return true;
  }
  void let_go() {
    const fanotify_response answer{.fd = held_.get(), .response = FAN_ALLOW};
    EXPECT_EQ(::write(group_.get(), &answer, sizeof(answer)), static_cast<ssize_t>(sizeof(answer)));
    held_ = Fd();
  }

 private:
  Fd group_;
  Fd held_;
  bool works_ = false;
};

// A script that ends in exec, run by one that does too: by the time the recorder looks at the first
// program the process may be inside the next execve, and still show the old one.
TEST(RecordLife, WhatIsReadInsideAnotherExecIsNoSnapshotOfIt) {
  FT_NEEDS_BPF();
  const std::string first = scratch("first");
  const std::string second = scratch("second");
  std::filesystem::copy_file("/usr/bin/env", first);
  std::filesystem::copy_file(target("touch_pages"), second);
  HeldExecs execs({first, second});
  if (!execs.works()) GTEST_SKIP() << "this kernel lets nobody hold an exec";
  const std::string path = scratch("inside_exec.ft");
  Running recorder({firsttouch(), "record", "-o", path, "--", "sh", "-c",
                    fmt::format("{} {} 1 & wait", first, second)});
  ASSERT_TRUE(execs.wait());
  recorder.send(SIGSTOP);  // late, as on a busy machine
  execs.let_go();
  ASSERT_TRUE(execs.wait());
  recorder.send(SIGCONT);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  execs.let_go();
  EXPECT_EQ(recorder.wait(), 0) << recorder.output();

  const Recorded recorded = load(path);
  const auto maps = std::ranges::find_if(recorded.trace.snapshots, [&](const auto& snapshot) {
    return snapshot.pid != recorded.target() && snapshot.pid != 0 && snapshot.source == "maps";
  });
  if (maps != recorded.trace.snapshots.end()) {
    EXPECT_THAT(maps->text, HasSubstr("/second"));
  }
  const auto left_out =
      std::ranges::find(recorded.trace.losses, "snapshots at exec", &event::Loss::kind);
  ASSERT_NE(left_out, recorded.trace.losses.end());
  EXPECT_EQ(left_out->count, 1U);
}

// As in a container: the program lies where only its own mount namespace has it, and is gone from
// there, with the namespace, when its functions are to be named.
TEST(RecordLife, FunctionsOfAProgramInAMountNamespaceOfItsOwnHaveNames) {
  if (::geteuid() != 0) GTEST_SKIP() << "a mount namespace needs root";
  for (const std::string root : {"", "chroot "}) {
    for (const std::string& backend : backends()) {
      const std::string folder = scratch("inside");
      std::filesystem::create_directories(folder);
      const std::string script = fmt::format(
          "mount -t tmpfs none {0} && cp {1} {0}/program || exit 99; exec {2} {3}/program 1",
          folder, target("touch_pages"), root.empty() ? "" : "chroot " + folder,
          root.empty() ? folder : "");
      const std::string path = scratch("namespace.ft");
      const Finished ran = run({firsttouch(), "record", "--backend", backend, "-o", path, "--",
                                "unshare", "-m", "sh", "-c", script});
      if (ran.exit_status() == 99) GTEST_SKIP() << "mounting is denied: " << ran.err;
      ASSERT_EQ(ran.exit_status(), 0) << ran.err;
      const Recorded recorded = load(path);
      const auto named = [](const event::Stack& stack) {
        return std::ranges::any_of(stack.frames, [](const event::Frame& frame) {
          return frame.module.ends_with("/program") && frame.symbol == "main";
        });
      };
      EXPECT_TRUE(std::ranges::any_of(recorded.trace.stacks, named)) << backend << " " << root;
    }
  }
}

TEST(RecordLife, OrdinaryUsersGetSystemCalls) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  const std::string path = scratch("nobody.ft");
  const Finished ran = run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                            firsttouch(), "record", "-o", path, "--", target("mmap_sequence")});
  if (ran.exit_status() == 126 || ran.exit_status() == 127) {
    GTEST_SKIP() << "the build is not readable for other users: " << ran.err;
  }
  EXPECT_EQ(ran.exit_status(), 0) << ran.err;
  Recorded recorded = load(path);
  EXPECT_EQ(recorded.trace.meta_or("backend"), "ptrace");
  EXPECT_EQ(recorded.calls_by_name()["madvise"], 10);
}

}  // namespace
}  // namespace ft::e2e
