#include "recording/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/fd.h"
#include "recording/output_file.h"
#include "recording/reader.h"
#include "recording/test_trace.h"

namespace ft::recording {
namespace {

using ::testing::HasSubstr;

class RecordingTest : public ::testing::Test {
 protected:
  std::unique_ptr<Writer> writer() {
    auto made = Writer::create(path_);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(made).value();
  }

  Told recorded() {
    auto reader = Reader::open(path_);
    EXPECT_TRUE(reader) << reader.error().message();
    if (!reader) return {};
    auto told = tell_all(**reader);
    EXPECT_TRUE(told) << told.error().message();
    return told ? *std::move(told) : Told{};
  }

  std::string why_unreadable() {
    auto reader = Reader::open(path_);
    if (!reader) return reader.error().message();
    auto told = tell_all(**reader);
    return told ? "readable" : told.error().message();
  }

  TestFolder folder_;
  std::string path_ = folder_.file("run.ft");
};

std::string read_back(const std::string& path) {
  return read_file(path).value_or("nothing there");
}

void wait_for_size(const std::string& path, off_t size) {
  struct stat status{};
  for (int tries = 0; tries < 20'000; ++tries) {
    if (::stat(path.c_str(), &status) == 0 && status.st_size >= size) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Told expected(std::size_t fault_count) {
  event::MemoryTrace memory;
  tell_small_tables(memory);
  tell_chunks(memory, fault_count);
  Told told = tell_all(memory).value();
  told.trace.meta["format_version"] = "2";
  told.trace.meta["tool_version"] = FT_VERSION;
  told.trace.meta["complete"] = "1";
  return told;
}

TEST_F(RecordingTest, BringsBackEverything) {
  auto recording = writer();
  tell_small_tables(*recording);
  tell_chunks(*recording, 200'000);
  ASSERT_TRUE(recording->finish());
  EXPECT_TRUE(recorded() == expected(200'000));
  EXPECT_EQ(folder_.entries(), 1U);
}

TEST_F(RecordingTest, BringsBackNothing) {
  ASSERT_TRUE(writer()->finish());
  const Told told = recorded();
  EXPECT_FALSE(told.trace.cut_short);
  EXPECT_EQ(told.trace.meta.size(), 3U);
  EXPECT_TRUE(told.trace.processes.empty());
  EXPECT_TRUE(told.faults.empty());
}

// Their place is their id in SQL: it must not depend on how they are stored.
TEST_F(RecordingTest, KeepsCallsOfOneMomentInTheOrderTold) {
  event::MemoryTrace memory;
  {
    auto recording = writer();
    for (int i = 0; i < 40'000; ++i) {
      const event::Syscall call{
          .ts = i / 100,
          .tid = 40 + i * 7 % 13,
          .pid = 40,
          .number = i % 3 == 0 ? event::SyscallNumber::Mmap : event::SyscallNumber::Munmap,
          .args = {static_cast<std::uint64_t>(i) << 12U, 4096},
          .ret = i};
      memory.on_syscall(call);
      // One by one, and many at once.
      if (i % 2 == 0)
        recording->on_syscall(call);
      else
        recording->on_syscalls(std::span(&call, 1));
    }
    ASSERT_TRUE(recording->finish());
  }
  EXPECT_TRUE(recorded().trace.syscalls == memory.trace().value().syscalls);
}

TEST_F(RecordingTest, WritesCallsOfAChunkThatDoesNotFill) {
  const auto recording = writer();
  const std::string before = read_back(path_);
  recording->on_syscall({.number = event::SyscallNumber::Brk});
  const auto written = [&] { return read_back(path_) != before; };
  for (int tries = 0; tries < 2000 && !written(); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(written());
}

TEST_F(RecordingTest, IsCutShortWithoutFinish) {
  {
    auto recording = writer();
    tell_small_tables(*recording);
    tell_chunks(*recording, 1000);
  }
  Told told = recorded();
  EXPECT_TRUE(told.trace.cut_short);
  told.trace.cut_short = false;
  told.trace.meta["complete"] = "1";
  EXPECT_TRUE(told == expected(1000));
}

TEST_F(RecordingTest, LeavesNothingWhenAbandoned) {
  auto recording = writer();
  tell_small_tables(*recording);
  recording->abandon();
  EXPECT_EQ(folder_.entries(), 0U);
}

TEST_F(RecordingTest, CannotBeToldThatItIsComplete) {
  {
    auto recording = writer();
    recording->on_meta("complete", "1");
    recording->on_meta("format_version", "7");
  }
  EXPECT_TRUE(recorded().trace.cut_short);
}

TEST_F(RecordingTest, SaysThatItIsStillBeingRecorded) {
  const auto recording = writer();
  EXPECT_THAT(why_unreadable(), HasSubstr("is still being recorded"));
}

TEST_F(RecordingTest, IsForItsOwnerOnly) {
  ASSERT_TRUE(writer()->finish());
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(RecordingTest, BelongsToTheUserNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_TRUE((*Writer::create(path_, FileOwner{.user = 1234, .group = 5678}))->finish());
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 1234U);
  EXPECT_EQ(status.st_gid, 5678U);
}

TEST_F(RecordingTest, WritesOnlyOverRegularFiles) {
  ASSERT_EQ(::symlink("/etc/passwd", path_.c_str()), 0);
  const auto refused = Writer::create(path_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("is not a regular file"));
  EXPECT_FALSE(Writer::create("/dev/null"));
  EXPECT_FALSE(Writer::create(folder_.file("absent/run.ft")));
}

TEST_F(RecordingTest, TakesEventsFromSeveralThreads) {
  auto recording = writer();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&recording, i] {
      std::vector<event::Fault> faults = pretouch_faults(50'000);
      for (event::Fault& fault : faults) fault.tid = fault.page.tid = i;
      for (std::size_t at = 0; at < faults.size(); at += 1000) {
        recording->on_faults(std::span(faults).subspan(at, 1000));
      }
    });
  }
  threads.clear();
  ASSERT_TRUE(recording->finish());
  EXPECT_EQ(recorded().faults.size(), 200'000U);
}

// ---- old recordings ----

void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path) << text;
}

TEST_F(RecordingTest, RotatesAnOlderOne) {
  write_file(path_, "newer");
  write_file(path_ + ".old", "older");
  EXPECT_TRUE(rotate_existing(path_).value());
  EXPECT_EQ(read_back(path_ + ".old"), "newer");
  EXPECT_EQ(folder_.entries(), 1U);
  EXPECT_FALSE(rotate_existing(path_).value());
  ASSERT_TRUE(restore_rotated(path_));
  EXPECT_EQ(read_back(path_), "newer");
}

TEST_F(RecordingTest, RotatesTheJournalWithItsFile) {
  write_file(path_, "newer");
  write_file(path_ + "-journal", "its journal");
  write_file(path_ + ".old-journal", "another's journal");
  EXPECT_TRUE(rotate_existing(path_).value());
  EXPECT_EQ(read_back(path_ + ".old-journal"), "its journal");
  EXPECT_EQ(folder_.entries(), 2U);
}

TEST_F(RecordingTest, ForgetsTheJournalOfTheFileItReplaces) {
  write_file(path_, "a killed recording");
  write_file(path_ + "-journal", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 what was to be rolled back");
  ASSERT_TRUE(writer()->finish());
  EXPECT_FALSE(recorded().trace.cut_short);
  EXPECT_EQ(folder_.entries(), 1U);
}

TEST_F(RecordingTest, RotatesOnlyRegularFiles) {
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  EXPECT_FALSE(rotate_existing(path_));
}

// ---- what goes wrong ----

// Records in a child process that ends as `end` says; returns its wait status.
template <typename Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

constexpr event::Tid kTeller = 4242;

void record_without_end(Writer& recording) {
  tell_small_tables(recording);
  const std::vector<event::Fault> faults = pretouch_faults(20'000);
  for (int i = 0;; ++i) {
    recording.on_faults(faults);
    event::Syscall call;
    call.ts = i;
    call.tid = kTeller;
    call.number = event::SyscallNumber::Munmap;
    recording.on_syscall(call);
  }
}

TEST_F(RecordingTest, OpensAfterTheRecorderWasKilledAtAnyMoment) {
  constexpr int kKills = 24;
  int with_events = 0;
  for (int i = 0; i < kKills; ++i) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto recording = Writer::create(path_);
      if (!recording || ::write(ready[1], "r", 1) != 1) ::_exit(1);
      record_without_end(**recording);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    // Every other one lives to see its first chunk written.
    if (i % 2 == 1) wait_for_size(path_, 100'000);
    std::this_thread::sleep_for(std::chrono::microseconds(7919 * i % 200'000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);

    const Told told = recorded();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "kill " << i;
    ASSERT_TRUE(told.trace.cut_short);
    with_events += told.faults.empty() ? 0 : 1;
    // What is there is the front of what was told, without a gap.
    Nanoseconds next = 0;
    for (const event::Syscall& call : told.trace.syscalls) {
      if (call.tid != kTeller) continue;
      ASSERT_EQ(call.ts, next++);
    }
  }
  EXPECT_GT(with_events, kKills / 4);
}

// Stopped in the middle of a commit: the moment a random kill hits rarely. SQLite's own writes are
// told apart by the journal that is there while they last.
TEST_F(RecordingTest, OpensAfterAKillInTheMiddleOfACommit) {
  int hot = 0;
  for (int i = 0; i < 200 && hot < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto recording = Writer::create(path_);
      if (recording) record_without_end(**recording);
      ::_exit(1);
    }
    const std::string journal = journal_of(path_);
    for (int tries = 0; tries < 2'000'000; ++tries) {
      struct stat status{};
      if (::stat(journal.c_str(), &status) == 0 && status.st_size > 1000) break;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    hot += ::access(journal.c_str(), F_OK) == 0 ? 1 : 0;

    const std::string before = read_back(path_);
    EXPECT_TRUE(recorded().trace.cut_short);
    EXPECT_TRUE(read_back(path_) == before) << "reading changed the file";
    std::filesystem::remove(path_);
    std::filesystem::remove(journal);
  }
  EXPECT_GT(hot, 0);
}

TEST_F(RecordingTest, DoesNotFollowASuperJournal) {
  ASSERT_TRUE(writer()->finish());
  const std::string victim = folder_.file("victim");
  write_file(victim, "precious");
  std::string journal = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
  journal.resize(512, '\0');
  journal += victim + std::string("\0\0\0\x08\0\0\0\0\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 16);
  write_file(journal_of(path_), journal);
  EXPECT_THAT(why_unreadable(), HasSubstr("names another journal"));
  EXPECT_EQ(read_back(victim), "precious");
}

// Writes until the writer gives up; 0 where that went as it should.
int record_until_failure(const std::string& path) {
  auto recording = Writer::create(path);
  if (!recording) return 2;
  tell_small_tables(**recording);
  std::vector<event::Fault> faults = pretouch_faults(65536);
  for (std::size_t i = 0; i < faults.size(); ++i) faults[i].addr ^= i * 0x9e37'79b9'7f4a'7c15;
  for (int i = 0; i < 1000 && !(*recording)->failed(); ++i) (*recording)->on_faults(faults);
  if (!(*recording)->failed()) return 3;
  (*recording)->on_faults(faults);  // ignored
  const auto finished = (*recording)->finish();
  if (finished) return 4;
  const std::string message = finished.error().message();
  const bool says_why = message.find("File too large") != std::string::npos ||
                        message.find("No space left on device") != std::string::npos;
  if (!says_why) fmt::print(stderr, "{}\n", message);
  return says_why ? 0 : 5;
}

TEST_F(RecordingTest, SurvivesALimitOnFileSizes) {
  const int status = in_child([&] {
    const rlimit limit{.rlim_cur = 4 << 20, .rlim_max = 4 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(record_until_failure(path_));
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const Told told = recorded();
  EXPECT_TRUE(told.trace.cut_short);
  EXPECT_FALSE(told.faults.empty());
}

// What finish() writes itself is no more deadly than what the encoding thread writes.
TEST_F(RecordingTest, SurvivesALimitOnFileSizesInFinish) {
  const int status = in_child([&] {
    auto recording = Writer::create(path_);
    if (!recording) ::_exit(2);
    const rlimit limit{.rlim_cur = 100'000, .rlim_max = 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<event::Fault> faults = pretouch_faults(60'000);
    (*recording)->on_faults(faults);
    ::_exit((*recording)->finish() ? 3 : 0);
  });
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(recorded().trace.cut_short);
}

TEST_F(RecordingTest, SurvivesAFullDisk) {
  const std::string disk = folder_.file("disk");
  ASSERT_EQ(::mkdir(disk.c_str(), 0700), 0);
  constexpr int kNoDisk = 77;
  const int status = in_child([&] {
    // A name space of mounts of its own: nobody else sees the disk, and it goes with this process.
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", disk.c_str(), "tmpfs", 0, "size=3m") != 0) {
      ::_exit(kNoDisk);
    }
    const int how = record_until_failure(disk + "/run.ft");
    // With whatever SQLite left beside it.
    for (const auto& left : std::filesystem::directory_iterator(disk)) {
      std::filesystem::copy_file(left.path(), folder_.file(left.path().filename()));
    }
    ::_exit(how);
  });
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNoDisk) GTEST_SKIP() << "a small tmpfs cannot be mounted here";
  ASSERT_EQ(WEXITSTATUS(status), 0);
  const Told told = recorded();
  EXPECT_TRUE(told.trace.cut_short);
  EXPECT_FALSE(told.faults.empty());
}

}  // namespace
}  // namespace ft::recording
