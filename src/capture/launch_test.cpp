#include "capture/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/text.h"
#include "capture/recorder_fixture.h"

namespace ft::capture {
namespace {

using testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(, Launch, testing::Values(Stops::None, Stops::ExecAndExit),
                         name_of_parameter);

// What show_world prints when started by `body` in place of a recorder.
std::string world_of(const std::function<int()>& body) {
  Recorder process(body);
  std::string world = process.read_all();
  EXPECT_EQ(process.wait(), 0) << world;
  return world;
}

std::string without_group(const std::string& world) {
  std::string kept;
  for (const std::string_view line : split(world, '\n')) {
    if (!line.starts_with("group")) kept += std::string(line) + "\n";
  }
  return kept;
}

TEST_P(Launch, GivesTheTargetTheWorldOfTheUsersShell) {
  const std::vector<std::string> command = {target("show_world"), "one", "two words", ""};
  // An unusual shell: its own directory, limits, mask and ignored signals.
  const auto dress = [] {
    ::setenv("FT_LAUNCH_TEST", "a\nb", 1);
    ::umask(027);
    EXPECT_EQ(::nice(3), 3);
    if (::chdir("/usr") != 0) ::_exit(90);
    const rlimit files{123, 456};
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::signal(SIGHUP, SIG_IGN);  // as under nohup
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGCHLD, SIG_IGN);
    ::signal(SIGUSR1, [](int) {});
    sigset_t mask;
    ::sigemptyset(&mask);
    ::sigaddset(&mask, SIGUSR2);
    ::sigaddset(&mask, SIGTERM);
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  };
  const std::string plain = world_of([&] {
    dress();
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::prctl(PR_SET_PDEATHSIG, 0);  // the fixture's
    ::execv(argv[0], argv.data());
    return 91;
  });
  const std::string recorded = world_of([&] {
    dress();
    // What a recorder has open must not show up.
    const Fd kept(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return record({.command = command, .user = {}, .prepare = {}}, GetParam(), *seen_);
  });
  EXPECT_EQ(without_group(recorded), without_group(plain)) << seen_->error;
  EXPECT_THAT(recorded, HasSubstr("cwd /usr\n"));
  EXPECT_THAT(recorded, HasSubstr("ignored 1 13 17\n"));
  EXPECT_THAT(recorded, HasSubstr("blocked 12 15\n"));
  EXPECT_THAT(recorded, HasSubstr("nice 3\n"));
  EXPECT_THAT(recorded, HasSubstr("death-signal 0\n"));
}

TEST_P(Launch, KeepsTheTargetInTheRecordersProcessGroup) {
  auto recorder = start({target("show_world")});
  const std::string world = recorder->read_all();
  EXPECT_THAT(world, HasSubstr("group " + std::to_string(recorder->pid()) + " session " +
                               std::to_string(::getsid(0))));
  EXPECT_EQ(recorder->wait(), 0);
}

TEST_P(Launch, LeavesStdinToTheTarget) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Recorder recorder([&] {
    ::dup2(ends[0], 0);
    ::close(ends[1]);
    return record({.command = {target("show_world"), "cat"}, .user = {}, .prepare = {}}, GetParam(),
                  *seen_);
  });
  ::close(ends[0]);
  ASSERT_EQ(::write(ends[1], "from the user\n", 14), 14);
  ::close(ends[1]);
  EXPECT_THAT(recorder.read_all(), HasSubstr("\nfrom the user\n"));
  EXPECT_EQ(recorder.wait(), 0);
}

TEST_P(Launch, ReportsTheTargetsOwnStatus) {
  EXPECT_EQ(run({"/bin/sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(run({"/bin/sh", "-c", "exit 0"}), 0);
  EXPECT_EQ(run({target("raise_signal"), "15"}), 128 + SIGTERM);
  EXPECT_EQ(run({target("raise_signal"), "9"}), 128 + SIGKILL);
  EXPECT_EQ(run({target("raise_signal"), "11"}), 128 + SIGSEGV);
  EXPECT_EQ(run({target("raise_signal"), "18"}), 3);  // SIGCONT: survived
  EXPECT_EQ(run({target("unmap_everything")}), 128 + SIGSEGV);
}

TEST_P(Launch, LooksInPathAsAShellDoes) {
  EXPECT_EQ(run({"true"}), 0);
  EXPECT_EQ(run({"false"}), 1);
}

TEST_P(Launch, TellsACommandThatDoesNotExist) {
  EXPECT_EQ(run({"no-such-command-anywhere"}), 127);
  EXPECT_THAT(seen_->error, HasSubstr("no-such-command-anywhere: command not found"));
  EXPECT_EQ(run({"/no/such/file"}), 127);
  EXPECT_THAT(seen_->error, HasSubstr("/no/such/file: No such file"));
  EXPECT_EQ(run({""}), 127);
  EXPECT_EQ(seen_->execs, 0);
  EXPECT_EQ(seen_->exits, 0);
}

class LaunchFiles : public Launch {
 protected:
  LaunchFiles() {
    std::string pattern = testing::TempDir() + "launchXXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~LaunchFiles() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& text, mode_t mode) const {
    std::filesystem::create_directories(std::filesystem::path(folder_ + "/" + name).parent_path());
    std::ofstream(folder_ + "/" + name) << text;
    ::chmod((folder_ + "/" + name).c_str(), mode);
    return folder_ + "/" + name;
  }

  std::string folder_;
};

INSTANTIATE_TEST_SUITE_P(, LaunchFiles, testing::Values(Stops::None, Stops::ExecAndExit),
                         name_of_parameter);

TEST_P(LaunchFiles, TellsAFileThatCannotBeExecuted) {
  EXPECT_EQ(run({file("data", "hello", 0644)}), 126);
  EXPECT_THAT(seen_->error, HasSubstr("data: permission denied"));
  EXPECT_EQ(run({folder_}), 126);
  EXPECT_EQ(run({file("script", "echo hello\n", 0755)}), 126);
  EXPECT_THAT(seen_->error, HasSubstr("needs a first line such as #!/bin/sh"));
  EXPECT_EQ(run({file("empty", "", 0755)}), 126);
  EXPECT_EQ(run({file("lost", "#!/no/such/interpreter\n", 0755)}), 127);
  EXPECT_THAT(seen_->error, HasSubstr("interpreter or loader it asks for does not exist"));
  EXPECT_EQ(run({folder_ + "/data/below"}), 126);
}

TEST_P(LaunchFiles, GoesOnInPathAfterAFileThatCannotBeExecuted) {
  file("first/tool", "no", 0644);
  file("second/tool", "#!/bin/sh\nexit 9\n", 0755);
  const auto run_with_path = [&](const std::string& path) {
    Recorder recorder([&] {
      ::setenv("PATH", path.c_str(), 1);
      return record({.command = {"tool"}, .user = {}, .prepare = {}}, GetParam(), *seen_);
    });
    return recorder.wait();
  };
  EXPECT_EQ(run_with_path(folder_ + "/first:" + folder_ + "/second"), 9);
  EXPECT_EQ(run_with_path(folder_ + "/none:" + folder_ + "/first"), 126);
  EXPECT_EQ(run_with_path(folder_ + "/none"), 127);
}

TEST_P(Launch, RunsTheTargetAsAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  Recorder as_nobody([&] {
    return record({.command = {target("show_world")}, .user = "nobody", .prepare = {}}, GetParam(),
                  *seen_);
  });
  EXPECT_THAT(as_nobody.read_all(), HasSubstr("ids 65534 65534 65534 65534\n"));
  EXPECT_EQ(as_nobody.wait(), 0) << seen_->error;

  Recorder under_sudo([&] {
    ::setenv("SUDO_UID", "65534", 1);
    ::setenv("SUDO_GID", "65534", 1);
    ::setenv("SUDO_USER", "nobody", 1);
    return record({.command = {target("show_world")}, .user = {}, .prepare = {}}, GetParam(),
                  *seen_);
  });
  const std::string world = under_sudo.read_all();
  EXPECT_THAT(world, HasSubstr("ids 65534 65534 65534 65534\n"));
  EXPECT_THAT(world, HasSubstr("death-signal 0\n"));
  EXPECT_EQ(under_sudo.wait(), 0) << seen_->error;

  Recorder nobody_knows([&] {
    return record({.command = {"true"}, .user = "no-such-user", .prepare = {}}, GetParam(), *seen_);
  });
  EXPECT_EQ(nobody_knows.wait(), 125);
  EXPECT_THAT(seen_->error, HasSubstr("user no-such-user: no such user"));
}

TEST_P(Launch, PassesOnWhatWasSentToTheRecorderAlone) {
  auto recorder = start({target("count_signals")});
  ASSERT_EQ(recorder->read_line(), "ready");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1}) {
    ::kill(recorder->pid(), signal);
    ::usleep(20'000);
  }
  ::kill(recorder->pid(), SIGUSR2);
  EXPECT_EQ(recorder->read_line(), "1 1 1 1 1");
  EXPECT_EQ(recorder->wait(), 5);
}

TEST_P(Launch, DoesNotReturnASignalToTheTargetThatSentIt) {
  auto recorder = start({"/bin/sh", "-c", "kill -TERM $PPID; kill -INT $PPID; sleep 0.1; exit 6"});
  EXPECT_EQ(recorder->wait(), 6);
}

TEST_P(Launch, ATargetThatDiesOfASignalPassedOn) {
  auto recorder = start({"/bin/sh", "-c", "echo up; exec sleep 60"});
  ASSERT_EQ(recorder->read_line(), "up");
  ::usleep(50'000);
  ::kill(recorder->pid(), SIGTERM);
  EXPECT_EQ(recorder->wait(), 128 + SIGTERM);
  EXPECT_EQ(seen_->end_was_seen, stops() ? 1 : 0);
}

// A real terminal: the line discipline signals the whole foreground group once.
TEST_P(Launch, CtrlCReachesTheTargetExactlyOnce) {
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(master.valid());
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  const std::string terminal = ::ptsname(master.get());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    const int tty = ::open(terminal.c_str(), O_RDWR);  // becomes the controlling terminal
    for (const int fd : {0, 1, 2}) ::dup2(tty, fd);
    ::close(tty);
    ::_exit(record({.command = {target("count_signals")}, .user = {}, .prepare = {}}, GetParam(),
                   *seen_));
  }
  const auto read_until = [&](const std::string& end) {
    std::string text;
    for (char byte = 0;
         text.find(end) == std::string::npos && ::read(master.get(), &byte, 1) == 1;) {
      text += byte;
    }
    return text;
  };
  read_until("ready");
  ASSERT_EQ(::write(master.get(), "\x03", 1), 1);  // Ctrl-C
  ::usleep(50'000);
  ASSERT_EQ(::write(master.get(), "\x1c", 1), 1);  // Ctrl-backslash
  ::usleep(50'000);
  ::kill(seen_->target_pid, SIGUSR2);
  EXPECT_THAT(read_until("0\r\n"), HasSubstr("1 0 0 1 0"));
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(exit_status_of(status), 5);
}

TEST_P(Launch, JobControlStopsAndContinuesTheTarget) {
  auto recorder = start({target("count_signals")});
  ASSERT_EQ(recorder->read_line(), "ready");
  const pid_t pid = seen_->target_pid;
  for (int round = 0; round < 3; ++round) {
    ::kill(pid, SIGSTOP);
    ASSERT_TRUE(reaches_state(pid, "Tt")) << state_of(pid);
    ::usleep(30'000);
    ASSERT_THAT(state_of(pid), testing::AnyOf('T', 't'));  // stays so
    ::kill(pid, SIGCONT);
    ASSERT_TRUE(reaches_state(pid, "SR")) << state_of(pid);
  }
  // The whole group, as Ctrl-Z and fg do.
  ::kill(-recorder->pid(), SIGTSTP);
  ASSERT_TRUE(reaches_state(recorder->pid(), "T"));
  ASSERT_TRUE(reaches_state(pid, "Tt"));
  ::kill(-recorder->pid(), SIGCONT);
  ASSERT_TRUE(reaches_state(pid, "SR"));
  ::kill(pid, SIGUSR2);
  EXPECT_EQ(recorder->wait(), 5);
}

TEST_P(Launch, ARecorderKilledHardLeavesTheTargetRunning) {
  auto recorder = start({target("count_signals")});
  ASSERT_EQ(recorder->read_line(), "ready");
  const pid_t pid = seen_->target_pid;
  ::kill(recorder->pid(), SIGKILL);
  EXPECT_EQ(recorder->wait(), 128 + SIGKILL);
  ::usleep(50'000);
  EXPECT_EQ(::kill(pid, SIGUSR1), 0);
  ::usleep(20'000);
  EXPECT_EQ(::kill(pid, SIGUSR2), 0);
  EXPECT_EQ(recorder->read_line(), "0 0 0 0 1");
}

TEST(HeldChild, DiesWithARecorderThatIsKilledBeforeTheRelease) {
  for (const bool seized : {false, true}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), 0), 0);
    Recorder recorder([&] {
      ::close(ends[0]);
      auto signals = RecorderSignals::make();
      auto child = HeldChild::make({.command = {"true"}, .user = {}, .prepare = {}}, *signals);
      auto watch = TargetWatch::follow(
          *child, *signals,
          {.stops = seized ? Stops::ExecAndExit : Stops::None, .on_exec = {}, .on_exit = {}});
      ::kill(::getpid(), SIGKILL);
      return 1;
    });
    ::close(ends[1]);
    EXPECT_EQ(recorder.wait(), 128 + SIGKILL);
    // The child has the pipe's other end until it is gone.
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 0);
    ::close(ends[0]);
  }
}

TEST(HeldChild, AChildThatIsNotReleasedIsKilledAndReaped) {
  pid_t pid = 0;
  {
    auto signals = RecorderSignals::make();
    ASSERT_TRUE(signals);
    auto child = HeldChild::make({.command = {"true"}, .user = {}, .prepare = {}}, *signals);
    ASSERT_TRUE(child);
    pid = child->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(HeldChild, ReportsWhatPreparingItFailedWith) {
  auto signals = RecorderSignals::make();
  ASSERT_TRUE(signals);
  const auto child = HeldChild::make(
      {.command = {"true"}, .user = {}, .prepare = [] { return EOPNOTSUPP; }}, *signals);
  ASSERT_FALSE(child);
  EXPECT_THAT(child.error().message(), HasSubstr("not supported"));
}

TEST_P(Launch, CountsWhatTheHeldChildUsedItself) {
  EXPECT_EQ(run({target("touch_pages"), "500"}), 0);
  EXPECT_GT(seen_->held_minor_faults, 0);
  EXPECT_GE(seen_->minor_faults - seen_->held_minor_faults, 500);
}

}  // namespace
}  // namespace ft::capture
