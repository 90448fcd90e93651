#include "base/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"

namespace ft {

namespace {

constexpr Nanoseconds kPatience = 1'000'000'000;  // before the first line
constexpr Nanoseconds kInterval = 100'000'000;    // between two
constexpr unsigned kLeastWidth = 20;
constexpr unsigned kMostWidth = 1000;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::Heading:
      return "1;36";
    case Style::Good:
      return "32";
    case Style::Warning:
      return "33";
    case Style::Bad:
      return "1;31";
    case Style::Faint:
      return "2";
    case Style::Strong:
      return "1";
  }
  return "0";
}

void write_all(int fd, std::string_view text) {
  // A progress line that cannot be written is not worth an error.
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

bool colours_wanted(int fd) {
  return environment("NO_COLOR").empty() && environment("TERM") != "dumb" && ::isatty(fd) == 1;
}

unsigned terminal_width(int fd, unsigned fallback) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
    return std::clamp<unsigned>(size.ws_col, kLeastWidth, kMostWidth);
  }
  const auto columns = parse_integer<unsigned>(environment("COLUMNS"));
  return columns && *columns != 0 ? std::clamp(*columns, kLeastWidth, kMostWidth) : fallback;
}

std::string Styler::operator()(Style style, std::string_view text) const {
  if (colours_ == Colours::Off) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code_of(style), text);
}

Progress::Progress(std::string what, int fd, Clock clock)
    : what_(std::move(what)),
      fd_(fd),
      clock_(clock),
      terminal_(::isatty(fd) == 1 && environment("TERM") != "dumb"),
      next_(clock() + kPatience) {}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (!terminal_) return;
  const Nanoseconds now = clock_();
  if (now < next_) return;
  next_ = now + kInterval;
  std::string line = what_;
  if (total != 0) {
    const double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
    line += fmt::format(" {:.0f} %", share * 100);
  } else {
    line += " " + grouped(done);
  }
  // One column stays free: a full line would wrap on some terminals.
  const unsigned width = terminal_width(fd_, 80) - 1;
  if (line.size() > width) line.resize(width);
  write_all(fd_, "\r" + line + "\x1b[K");
  shown_ = true;
}

void Progress::clear() {
  if (shown_) write_all(fd_, "\r\x1b[K");
  shown_ = false;
}

}  // namespace ft
