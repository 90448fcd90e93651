// CallParser reads "name(arguments) = result <duration>" as strace writes it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "capture/strace/scanner.h"
#include "event/event.h"
#include "event/syscall_flags.h"

namespace ft::capture::strace {

// One call as it stands on a line. The views point into the line.
struct ParsedCall {
  const event::SyscallShape* shape = nullptr;
  std::array<std::uint64_t, 6> args{};
  std::array<std::string_view, 6> text{};  // arguments of the forms Text and Contents, as printed
  std::int64_t ret = 0;
  bool finished = true;
  bool unknown_flag = false;  // a flag's name is not in our tables
  Nanoseconds dur = event::kUnknownDuration;
  std::string_view file;  // <...> of the descriptor argument, escapes included
  bool file_deleted = false;
  std::string_view result_file;  // the same of the result
  bool result_file_deleted = false;
};

// What a line that starts like a call turns out to be.
enum class CallOutcome : std::uint8_t {
  Whole,
  NotFollowed,  // of a kind that event/syscall_table.h does not list
  Malformed,    // problem() and the scanner's position say where and why
};

class CallParser {
 public:
  // REQUIRES: the scanner stands at the call's name. `call` is filled where the outcome is Whole.
  CallOutcome parse(Scanner& scanner, ParsedCall& call);

  // Why the last parse() was Malformed.
  const char* problem() const { return problem_; }

  // The name before '('; empty where there is none. Leaves the scanner behind the '('.
  static std::string_view take_name(Scanner& scanner);
  static const event::SyscallShape* find_followed(std::string_view name);

 private:
  bool fail(const char* why) {
    problem_ = why;
    return false;
  }
  bool read_arguments(Scanner& scanner, ParsedCall& call);
  bool read_argument(Scanner& scanner, ParsedCall& call, std::size_t index,
                     event::ArgumentFormat format);
  bool read_flag_argument(Scanner& scanner, const event::FlagTable& table, std::uint64_t& value,
                          bool& unknown);
  bool read_fd(Scanner& scanner, ParsedCall& call, std::uint64_t& value);
  bool read_result(Scanner& scanner, ParsedCall& call);
  bool read_tail(Scanner& scanner, ParsedCall& call);

  // Flags repeat: the last text seen for a hash and what it meant.
  struct KnownFlags {
    const event::FlagTable* table = nullptr;
    std::uint64_t value = 0;
    bool complete = true;
    std::uint8_t length = 0;
    std::array<char, 95> text{};
  };
  std::array<KnownFlags, 64> known_flags_{};
  const char* problem_ = "";
};

// Moves over a value of any form up to the ',' or ')' that ends the argument: strings with escapes,
// nested brackets, comments. False where the line ends first.
bool skip_argument(Scanner& scanner);

// "<path>" or "<path>(deleted)" behind a descriptor, with nested <char 1:5>. False where it does
// not end.
bool read_decoration(Scanner& scanner, std::string_view& path, bool& deleted);

}  // namespace ft::capture::strace
