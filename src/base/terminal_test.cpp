#include "base/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"

namespace ft {
namespace {

// Both ends of a pseudo terminal.
struct Terminal {
  Fd master{::posix_openpt(O_RDWR | O_NOCTTY)};
  Fd slave;

  Terminal() {
    if (!master.valid() || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) return;
    slave = Fd(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
    ::fcntl(master.get(), F_SETFL, O_NONBLOCK);
  }
  std::string written() const {
    char bytes[4096];
    const ssize_t got = ::read(master.get(), bytes, sizeof bytes);
    return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : std::string();
  }
};

class TerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("NO_COLOR");
    ::setenv("TERM", "xterm", 1);
    if (!terminal_.slave.valid()) GTEST_SKIP() << "no pseudo terminal to be had";
  }
  int fd() const { return terminal_.slave.get(); }

  Terminal terminal_;
};

TEST_F(TerminalTest, ColoursOnlyWhereTheyAreSeenAndWanted) {
  EXPECT_TRUE(colours_wanted(fd()));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(colours_wanted(fd()));
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(colours_wanted(fd()));
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(colours_wanted(fd()));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  ::setenv("TERM", "xterm", 1);
  EXPECT_FALSE(colours_wanted(writer.get()));
  EXPECT_FALSE(colours_wanted(-1));
}

TEST_F(TerminalTest, WidthIsTheTerminalsOrTheFallback) {
  winsize size{};
  size.ws_col = 132;
  ASSERT_EQ(::ioctl(fd(), TIOCSWINSZ, &size), 0);
  EXPECT_EQ(terminal_width(fd()), 132U);
  ::unsetenv("COLUMNS");
  EXPECT_EQ(terminal_width(-1, 77), 77U);
  ::setenv("COLUMNS", "90", 1);
  EXPECT_EQ(terminal_width(-1, 77), 90U);
  ::setenv("COLUMNS", "many", 1);
  EXPECT_EQ(terminal_width(-1, 77), 77U);
  ::unsetenv("COLUMNS");
}

TEST(Styler, AddsCodesOnlyWhenOn) {
  EXPECT_EQ(Styler(Styler::Colours::Off)(Style::Bad, "x"), "x");
  EXPECT_EQ(Styler(Styler::Colours::On)(Style::Good, "x"), "\x1b[32mx\x1b[0m");
}

Nanoseconds fake_now = 0;
Nanoseconds fake_clock() {
  return fake_now;
}

TEST_F(TerminalTest, ProgressWaitsASecondAndCleansUp) {
  fake_now = 5;
  {
    Progress progress("reading", fd(), fake_clock);
    progress.update(1, 4);
    EXPECT_EQ(terminal_.written(), "");
    fake_now += 1'000'000'000;
    progress.update(1, 4);
    EXPECT_EQ(terminal_.written(), "\rreading 25 %\x1b[K");
    progress.update(2, 4);
    EXPECT_EQ(terminal_.written(), "");
    fake_now += 100'000'000;
    progress.update(1234567);
    EXPECT_EQ(terminal_.written(), "\rreading 1,234,567\x1b[K");
  }
  EXPECT_EQ(terminal_.written(), "\r\x1b[K");
}

TEST(Progress, SaysNothingIntoAPipe) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  fake_now = 0;
  {
    Progress progress("reading", writer.get(), fake_clock);
    fake_now = 2'000'000'000;
    progress.update(1, 2);
  }
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), -1);
}

}  // namespace
}  // namespace ft
