// What stands before the call on a line: who, when, where; and what kind of line it is.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "capture/strace/scanner.h"
#include "event/event.h"

namespace ft::capture::strace {

// How a log tells time. One log keeps to one form.
enum class TimeForm : std::uint8_t {
  None,       // no -t: lines are only in order
  TimeOfDay,  // -t, -tt: no date
  Epoch,      // -ttt
  Relative,   // -r: since the line before
};

struct LinePrefix {
  event::Tid tid = 0;      // 0: the line names none
  std::string_view comm;   // -Y: the thread's name
  bool bracketed = false;  // "[pid 17]": strace wrote to a terminal or a pipe, not with -o
  TimeForm form = TimeForm::None;
  Nanoseconds time = 0;       // since the epoch, since midnight, or since the line before
  bool has_relative = false;  // -r beside -t, "(+ 0.000123)"
  Nanoseconds relative = 0;
};

enum class LineKind : std::uint8_t {
  Call,     // "name(...": whole, or up to "<unfinished ...>"
  Resumed,  // "<... name resumed>..."
  Signal,   // "--- SIGSEGV {...} ---"
  Exit,     // "+++ exited with 0 +++"
  Note,     // "strace: ...": a message of its own
  Malformed,
};

// Reads everything before the call. False where it is damaged; the scanner stands at the damage.
bool read_prefix(Scanner& scanner, LinePrefix& prefix);

// The kind of what follows the prefix, by its first characters.
LineKind kind_of(const Scanner& scanner);

// "0.000023", "12", "5.123456789" as nanoseconds. False where it is no such number or exceeds what
// fits.
bool read_seconds(Scanner& scanner, Nanoseconds& time);

// The largest pid Linux gives out (PID_MAX_LIMIT): what is larger is no pid.
inline constexpr std::uint64_t kLargestPid = std::uint64_t{1} << 22;

}  // namespace ft::capture::strace
