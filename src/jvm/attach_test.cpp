// Is the question put as a JVM expects it, and is each way of not answering told, in time?
#include "jvm/attach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.h"

namespace ft::jvm {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using namespace std::string_literals;

constexpr Nanoseconds kMilliseconds = 1'000'000;

class Attach : public testing::Test {
 protected:
  Attach() {
    std::string name = (fs::temp_directory_path() / "ft-attach-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Attach() override {
    if (server_.joinable()) server_.join();
    fs::remove_all(folder_);
  }

  AttachTarget target() const {
    return {.pid = 77, .inner_pid = 7, .user = ::geteuid(), .process = -1, .temp_dir = folder_};
  }
  Result<std::string> ask(Nanoseconds time = 5'000 * kMilliseconds) const {
    return ask_jvm(target(), "VM.version", monotonic_now() + time);
  }

  Fd listening() const {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ + "/.java_pid7";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket.get(), 1), 0);
    return socket;
  }
  // Takes one question and gives these parts as the answer.
  void answer(std::vector<std::string> parts) {
    server_ = std::thread([this, parts = std::move(parts), listener = listening()] {
      const Fd peer(::accept(listener.get(), nullptr, nullptr));
      std::array<char, 100> text;
      while (std::ranges::count(question_, '\0') < 5) {
        const ssize_t got = ::recv(peer.get(), text.data(), text.size(), 0);
        if (got <= 0) return;
        question_.append(text.data(), static_cast<std::size_t>(got));
      }
      for (const std::string& part : parts) {
        ::send(peer.get(), part.data(), part.size(), MSG_NOSIGNAL);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    for (int i = 0; i < 200 && !fs::exists(folder_ + "/.java_pid7"); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::string folder_;
  std::string question_;
  std::thread server_;
};

TEST_F(Attach, PutsItsQuestionAndTakesAnAnswerInParts) {
  answer({"0", "\nOpenJDK", " 64-Bit\nJDK 25\n"});
  const auto told = ask();
  ASSERT_TRUE(told) << told.error().message();
  EXPECT_EQ(*told, "OpenJDK 64-Bit\nJDK 25\n");
  EXPECT_EQ(question_, "1\0jcmd\0VM.version\0\0\0"s);
}

TEST_F(Attach, AnErrorIsTheJvmsOwnWord) {
  answer({"1\njava.lang.IllegalArgumentException: Unknown diagnostic command\n\tat ..."});
  const auto told = ask();
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().why, HasSubstr("Unknown diagnostic command"));
  EXPECT_THAT(told.error().why, testing::Not(HasSubstr("at ...")));
}

TEST_F(Attach, OneThatHangsUpIsToldWhoIsAnswered) {
  answer({});
  const auto told = ask();
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().message(), HasSubstr("its own user"));
}

TEST_F(Attach, OneThatKeepsSilentIsNotWaitedForForLong) {
  const Fd listener = listening();
  const auto told = ask(100 * kMilliseconds);
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().message(), HasSubstr("does not answer in time"));
}

TEST_F(Attach, AFileThatIsNoSocketIsNotConnectedTo) {
  // Nor does it count as an answer to the signal, which goes to nobody here.
  std::ofstream(folder_ + "/.java_pid7") << "not me";
  EXPECT_THAT(ask(100 * kMilliseconds).error().message(), HasSubstr("SIGQUIT"));
  EXPECT_FALSE(fs::exists(folder_ + "/.attach_pid7"));
}

TEST_F(Attach, OneThatOpensNoSocketIsTold) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGQUIT, SIG_IGN);
    ::pause();
    ::_exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  AttachTarget quiet = target();
  quiet.process = process.get();
  const auto told = ask_jvm(quiet, "VM.version", monotonic_now() + 150 * kMilliseconds);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().message(), HasSubstr("open its socket"));
  EXPECT_FALSE(fs::exists(folder_ + "/.attach_pid7"));
}

TEST(AttachAnswer, BeginsWithANumber) {
  EXPECT_EQ(*parse_attach_answer("0\n", "x"), "");
  EXPECT_EQ(*parse_attach_answer("0", "x"), "");
  EXPECT_FALSE(parse_attach_answer("", "x"));
  EXPECT_FALSE(parse_attach_answer("yes\n0\n", "x"));
  EXPECT_THAT(parse_attach_answer("101\n", "x").error().why, HasSubstr("error 101"));
  EXPECT_THAT(parse_attach_answer("1\n\x1b[31mred", "x").error().why,
              testing::Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace ft::jvm
