#include "capture/strace/line.h"

#include <array>

namespace ft::capture::strace {

namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
// Far beyond any date; keeps sums of times clear of overflow.
constexpr std::uint64_t kMostSeconds = std::uint64_t{1} << 32;
// -r prints small numbers, -ttt seconds since 1970: more than three years cannot be between lines.
constexpr Nanoseconds kEarliestEpoch = 100'000'000 * kSecond;

// The digits after the point; nine count.
void read_fraction(Scanner& scanner, Nanoseconds& time) {
  static constexpr std::array<Nanoseconds, 10> kUnits = {
      1'000'000'000, 100'000'000, 10'000'000, 1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};
  if (std::uint64_t microseconds = 0; scanner.take_six_digits(microseconds)) {
    time += static_cast<Nanoseconds>(microseconds) * kUnits[6];
    return;
  }
  Nanoseconds fraction = 0;
  std::size_t digits = 0;
  for (; Scanner::is_digit(scanner.peek()); scanner.advance()) {
    if (digits == kUnits.size() - 1) continue;
    fraction = fraction * 10 + (scanner.peek() - '0');
    ++digits;
  }
  time += fraction * kUnits[digits];
}

// "17391 ", "17391<java> " or "[pid 17391] ". True also where there is none.
bool read_pid(Scanner& scanner, LinePrefix& prefix) {
  const char* start = scanner.position();
  prefix.bracketed = scanner.take(std::string_view("[pid "));
  scanner.skip_blanks();
  std::uint64_t pid = 0;
  if (!Scanner::is_digit(scanner.peek()) || !scanner.take_decimal(pid)) return !prefix.bracketed;
  const char after = scanner.peek();
  const bool plausible = pid > 0 && pid <= kLargestPid;
  if (!prefix.bracketed && (!plausible || (after != ' ' && after != '<'))) {
    scanner.move_to(start);  // a time
    return true;
  }
  if (!plausible) return false;
  if (scanner.take('<')) {
    const std::size_t end = scanner.rest().find('>');
    if (end == std::string_view::npos) return false;
    prefix.comm = scanner.rest().substr(0, end);
    scanner.advance(end + 1);
  }
  if (prefix.bracketed && !scanner.take(']')) return false;
  if (!scanner.take(' ')) return false;
  prefix.tid = static_cast<event::Tid>(pid);
  return true;
}

// "14:23:45" with the hour already taken.
bool read_time_of_day(Scanner& scanner, std::uint64_t hour, LinePrefix& prefix) {
  std::uint64_t minute = 0;
  std::uint64_t second = 0;
  if (!scanner.take(':') || !scanner.take_decimal(minute)) return false;
  if (!scanner.take(':') || !scanner.take_decimal(second)) return false;
  if (hour > 23 || minute > 59 || second > 60) return false;
  prefix.form = TimeForm::TimeOfDay;
  prefix.time = static_cast<Nanoseconds>(hour * 3600 + minute * 60 + second) * kSecond;
  if (scanner.take('.')) read_fraction(scanner, prefix.time);
  return true;
}

bool read_time(Scanner& scanner, LinePrefix& prefix) {
  scanner.skip_blanks();
  if (!Scanner::is_digit(scanner.peek())) return true;
  std::uint64_t whole = 0;
  if (!scanner.take_decimal(whole)) return false;
  if (scanner.peek() == ':') {
    if (!read_time_of_day(scanner, whole, prefix)) return false;
  } else {
    if (whole > kMostSeconds) return false;
    prefix.time = static_cast<Nanoseconds>(whole) * kSecond;
    if (scanner.take('.')) read_fraction(scanner, prefix.time);
    prefix.form = prefix.time >= kEarliestEpoch ? TimeForm::Epoch : TimeForm::Relative;
  }
  if (!scanner.take(' ')) return false;
  if (scanner.take(std::string_view("(+"))) {
    scanner.skip_blanks();
    prefix.has_relative = true;
    if (!read_seconds(scanner, prefix.relative) || !scanner.take(std::string_view(") "))) {
      return false;
    }
  }
  return true;
}

// "[   9] " of -n and "[00007f8407eebca3] " of -i.
bool skip_brackets(Scanner& scanner) {
  while (scanner.peek() == '[') {
    const std::size_t end = scanner.rest().find(']');
    if (end > 20) return false;  // npos is
    scanner.advance(end + 1);
    scanner.skip_blanks();
  }
  return true;
}

}  // namespace

bool read_seconds(Scanner& scanner, Nanoseconds& time) {
  std::uint64_t whole = 0;
  if (!scanner.take_decimal(whole) || whole > kMostSeconds) return false;
  time = static_cast<Nanoseconds>(whole) * kSecond;
  if (scanner.take('.')) read_fraction(scanner, time);
  return true;
}

bool read_prefix(Scanner& scanner, LinePrefix& prefix) {
  return read_pid(scanner, prefix) && read_time(scanner, prefix) && skip_brackets(scanner);
}

LineKind kind_of(const Scanner& scanner) {
  const std::string_view rest = scanner.rest();
  switch (scanner.peek()) {
    case '<':
      return rest.starts_with("<... ") ? LineKind::Resumed : LineKind::Malformed;
    case '-':
      return rest.starts_with("--- ") ? LineKind::Signal : LineKind::Malformed;
    case '+':
      return rest.starts_with("+++ ") ? LineKind::Exit : LineKind::Malformed;
    case '\0':
      return LineKind::Malformed;
    default:
      break;
  }
  if (rest.starts_with("strace: ")) return LineKind::Note;
  return LineKind::Call;
}

}  // namespace ft::capture::strace
