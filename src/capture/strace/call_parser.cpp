#include "capture/strace/call_parser.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "capture/strace/line.h"
#include "event/system_names.h"

namespace ft::capture::strace {

namespace {

using event::ArgumentForm;
using event::SyscallShape;

constexpr auto kNameChars = [] {
  std::array<bool, 256> is{};
  for (unsigned c = 0; c < is.size(); ++c) {
    is[c] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c >= 'A' && c <= 'Z');
  }
  return is;
}();
bool is_name_char(char c) {
  return kNameChars[static_cast<unsigned char>(c)];
}

std::size_t hash_of(std::string_view name) {
  std::size_t hash = name.size();
  for (const char c : name) hash = hash * 31 + static_cast<unsigned char>(c);
  return hash;
}

// Open addressing over the followed names; looked into once a line.
class NameTable {
 public:
  NameTable() {
    for (const SyscallShape& shape : event::followed_syscalls()) {
      std::size_t slot = hash_of(shape.name) % kSlots;
      while (slots_[slot]) slot = (slot + 1) % kSlots;
      slots_[slot] = &shape;
    }
  }

  const SyscallShape* find(std::string_view name) const {
    for (std::size_t slot = hash_of(name) % kSlots; slots_[slot]; slot = (slot + 1) % kSlots) {
      if (slots_[slot]->name == name) return slots_[slot];
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kSlots = 256;
  std::array<const SyscallShape*, kSlots> slots_{};
};

// "NULL", "0x7f...", "8192", "-1": the numbers nearly every argument is. False leaves the scanner
// where it was.
bool take_plain_number(Scanner& scanner, std::uint64_t& value) {
  const char* start = scanner.position();
  const char first = scanner.peek();
  bool taken = false;
  if (first == '0' && scanner.peek_at(1) == 'x') {
    scanner.advance(2);
    taken = scanner.take_hex(value);
  } else if (first == '-') {
    scanner.advance();
    taken = scanner.take_decimal(value);
    value = std::uint64_t{0} - value;
  } else if (first == 'N') {
    taken = scanner.take(std::string_view("NULL"));
    value = 0;
  } else {
    taken = scanner.take_decimal(value);
  }
  if (!taken) scanner.move_to(start);
  return taken;
}

// Where a text of flags is remembered: from its length and both ends, which is where they differ.
std::size_t slot_of(std::string_view text) {
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  if (text.size() >= sizeof head) [[likely]] {
    std::memcpy(&head, text.data(), sizeof head);
    std::memcpy(&tail, text.data() + text.size() - sizeof tail, sizeof tail);
  } else {
    std::memcpy(&head, text.data(), text.size());
  }
  const std::uint64_t mixed = (head ^ (tail * 31) ^ text.size()) * 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>(mixed >> 32U);
}

bool ends_argument(char c) {
  return c == ',' || c == ')';
}

// clone(2) names its arguments, in an order of its own: "child_stack=NULL, flags=...".
int clone_argument(std::string_view name) {
  if (name == "flags") return 0;
  if (name == "child_stack") return 1;
  if (name == "parent_tid" || name == "parent_tidptr" || name == "pidfd") return 2;
  if (name == "child_tidptr") return 3;
  if (name == "tls") return 4;
  return -1;
}

// "child_stack=" in front of a value: its length with the '=', 0 where there is none.
std::size_t name_length(const Scanner& scanner) {
  const std::string_view rest = scanner.rest();
  std::size_t length = 0;
  while (length < rest.size() && is_name_char(rest[length])) ++length;
  return length > 0 && length < rest.size() && rest[length] == '=' ? length + 1 : 0;
}

}  // namespace

bool skip_argument(Scanner& scanner) {
  unsigned depth = 0;
  while (!scanner.done()) {
    const char c = scanner.peek();
    if (c == '"') {
      scanner.advance();
      while (!scanner.done() && scanner.peek() != '"') {
        if (scanner.peek() == '\\') scanner.advance();
        scanner.advance();
      }
      if (!scanner.take('"')) return false;
      continue;
    }
    if (depth == 0 && ends_argument(c)) return true;
    if (c == '[' || c == '{' || c == '(') ++depth;
    if (c == ']' || c == '}' || c == ')') {
      if (depth == 0) return false;
      --depth;
    }
    if (c == '/' && scanner.peek_at(1) == '*') {
      const std::size_t end = scanner.rest().find("*/", 2);
      if (end == std::string_view::npos) return false;
      scanner.advance(end + 2);
      continue;
    }
    scanner.advance();
  }
  return false;
}

bool read_decoration(Scanner& scanner, std::string_view& path, bool& deleted) {
  scanner.advance();  // '<'
  const char* start = scanner.position();
  // Nearly every path has neither brackets nor escapes.
  const std::string_view rest = scanner.rest();
  const std::string_view plain = rest.substr(0, rest.find('>'));
  if (plain.size() < rest.size() && plain.find('<') == std::string_view::npos &&
      plain.find('\\') == std::string_view::npos) {
    path = plain;
    scanner.advance(plain.size() + 1);
    deleted = scanner.take(std::string_view("(deleted)"));
    return true;
  }
  unsigned depth = 1;
  while (depth > 0) {
    if (scanner.done()) return false;
    if (scanner.peek() == '<') ++depth;
    if (scanner.peek() == '>') --depth;
    if (scanner.peek() == '\\') scanner.advance();
    scanner.advance();
  }
  path = {start, static_cast<std::size_t>(scanner.position() - start) - 1};
  deleted = scanner.take(std::string_view("(deleted)"));
  return true;
}

const SyscallShape* CallParser::find_followed(std::string_view name) {
  static const NameTable table;
  if (const SyscallShape* shape = table.find(name)) return shape;
  // Calls newer than the strace that wrote the log: "syscall_0x1ce(0, 0x1000, ...)".
  if (!name.starts_with("syscall_0x")) return nullptr;
  const auto number = parse_integer<std::uint16_t>(name.substr(10), 16);
  return number ? event::find_shape(event::SyscallNumber{*number}) : nullptr;
}

std::string_view CallParser::take_name(Scanner& scanner) {
  const char* start = scanner.position();
  // "????(" is what strace writes where it could not read the number.
  while (is_name_char(scanner.peek()) || scanner.peek() == '?') scanner.advance();
  const std::string_view name = scanner.since(start);
  if (name.empty() || !scanner.take('(')) {
    scanner.move_to(start);
    return {};
  }
  return name;
}

CallOutcome CallParser::parse(Scanner& scanner, ParsedCall& call) {
  const std::string_view name = take_name(scanner);
  if (name.empty()) {
    problem_ = "expected a system call";
    return CallOutcome::Malformed;
  }
  call.shape = find_followed(name);
  if (!call.shape) return CallOutcome::NotFollowed;
  if (!read_arguments(scanner, call) || !read_result(scanner, call)) return CallOutcome::Malformed;
  return CallOutcome::Whole;
}

bool CallParser::read_arguments(Scanner& scanner, ParsedCall& call) {
  const bool named = call.shape->number == event::SyscallNumber::Clone;
  const event::ArgumentFormats& formats = event::argument_formats(call.shape->number);
  for (std::size_t position = 0;; ++position) {
    if (scanner.take(')')) return true;
    // The thread died in the call: "madvise(0x7f00, <unfinished ...>) = ?".
    if (scanner.take(std::string_view("<unfinished ...>"))) {
      call.finished = false;
      return scanner.take(')') || fail("expected ')'");
    }
    std::size_t index = position;
    if (const std::size_t length = named ? name_length(scanner) : 0; length > 0) {
      const int meant = clone_argument(scanner.rest().substr(0, length - 1));
      scanner.advance(length);
      index = meant < 0 ? call.args.size() : static_cast<std::size_t>(meant);
    }
    const bool read = index < call.args.size() ? read_argument(scanner, call, index, formats[index])
                                               : skip_argument(scanner);
    if (!read) return fail(scanner.done() ? "the line ends inside the call" : "odd argument");
    // What the call changed: "[0x1] => [0x2]"; or a comment of strace's.
    if (!ends_argument(scanner.peek())) {
      if (scanner.peek() == ' ' && scanner.rest().starts_with(" <unfinished ...>")) {
        scanner.advance();
        continue;
      }
      if (!skip_argument(scanner)) return fail("the line ends inside the call");
    }
    if (scanner.take(','))
      scanner.skip_blanks();
    else if (scanner.peek() != ')')
      return fail("expected ',' or ')'");
  }
}

bool CallParser::read_argument(Scanner& scanner, ParsedCall& call, std::size_t index,
                               event::ArgumentFormat format) {
  std::uint64_t& value = call.args[index];
  switch (format.form) {
    case ArgumentForm::Flags:
      return read_flag_argument(scanner, *format.table, value, call.unknown_flag);
    case ArgumentForm::Fd:
      return read_fd(scanner, call, value);
    case ArgumentForm::Text:
    case ArgumentForm::Contents: {
      const char* start = scanner.position();
      if (take_plain_number(scanner, value) && scanner.peek() != '<') {
        if (ends_argument(scanner.peek())) return true;
      }
      scanner.move_to(start);
      if (!skip_argument(scanner)) return false;
      call.text[index] = scanner.since(start);
      const std::string_view text = call.text[index];
      const bool shown = text.starts_with('"') || text.starts_with('[') || text.starts_with('{');
      const auto pointer = shown ? std::nullopt : event::read_number(text);
      value = pointer ? *pointer : event::kPointerNotShown;
      return true;
    }
    default:
      break;
  }
  const char* start = scanner.position();
  if (take_plain_number(scanner, value)) {
    // Plain numbers have no 0 in front but octal ones.
    if (*start != '0' || scanner.position() - start == 1 || start[1] == 'x') return true;
    scanner.move_to(start);
  }
  // With a comment, in octal; or by a name, which only prctl's arguments have.
  if (!skip_argument(scanner)) return false;
  const std::string_view text = scanner.since(start);
  if (const auto number = event::read_number(text)) {
    value = *number;
    return true;
  }
  scanner.move_to(start);
  if (format.form != ArgumentForm::Hex || text.empty()) return false;
  call.text[index] = text;
  value = event::kPointerNotShown;
  if (format.table) {
    const auto named = event::read_flags(text, *format.table);
    if (named && named->complete) value = named->value;
  }
  scanner.advance(text.size());
  return true;
}

bool CallParser::read_flag_argument(Scanner& scanner, const event::FlagTable& table,
                                    std::uint64_t& value, bool& unknown) {
  const char* start = scanner.position();
  scanner.skip_to(',', ')');
  if (scanner.done()) return false;
  std::string_view text = scanner.since(start);
  if (text.ends_with('>')) [[unlikely]] {  // "PROT_READ <unfinished ...>)"
    const std::size_t cut = text.find(" <unfinished ...>");
    if (cut == std::string_view::npos) return false;
    scanner.move_to(start + cut);
    text = text.substr(0, cut);
  }
  const std::size_t slot = slot_of(text) % known_flags_.size();
  KnownFlags& known = known_flags_[slot];
  const bool hit = known.table == &table && known.length == text.size() &&
                   std::memcmp(text.data(), known.text.data(), text.size()) == 0;
  if (!hit) {
    const std::optional<event::FlagValue> flags = event::read_flags(text, table);
    if (!flags) {
      scanner.move_to(start);
      return false;
    }
    known.value = flags->value;
    known.complete = flags->complete;
    known.table = text.size() <= known.text.size() ? &table : nullptr;
    if (known.table) {
      known.length = static_cast<std::uint8_t>(text.size());
      std::ranges::copy(text, known.text.begin());
    }
  }
  value = known.value;
  unknown |= !known.complete;
  return true;
}

bool CallParser::read_fd(Scanner& scanner, ParsedCall& call, std::uint64_t& value) {
  if (scanner.take(std::string_view("AT_FDCWD"))) {
    value = static_cast<std::uint64_t>(std::int64_t{-100});
  } else if (!take_plain_number(scanner, value)) {
    return false;
  }
  if (scanner.peek() == '<') return read_decoration(scanner, call.file, call.file_deleted);
  return true;
}

bool CallParser::read_result(Scanner& scanner, ParsedCall& call) {
  scanner.skip_blanks();
  if (!scanner.take(std::string_view("= "))) return fail("expected '=' and the result");
  std::uint64_t value = 0;
  if (scanner.take('?')) {
    // The thread never came back, or the kernel will start the call again: "= ? ERESTARTSYS (...)".
    call.finished = false;
  } else if (take_plain_number(scanner, value)) {
    call.ret = static_cast<std::int64_t>(value);
  } else {
    return fail("expected the result");
  }
  if (scanner.peek() == '<') {
    if (!read_decoration(scanner, call.result_file, call.result_file_deleted)) {
      return fail("the line ends inside the result");
    }
  }
  return read_tail(scanner, call);
}

// What follows the result: " ENOMEM (Cannot allocate memory)", " (INJECTED)", " <0.000023>".
bool CallParser::read_tail(Scanner& scanner, ParsedCall& call) {
  while (!scanner.done()) {
    if (!scanner.take(' ')) return fail("expected a blank after the result");
    if (scanner.take('<')) {
      if (scanner.take(std::string_view("unavailable>"))) continue;
      if (!read_seconds(scanner, call.dur) || !scanner.take('>')) {
        return fail("expected the duration");
      }
    } else if (scanner.peek() == '(') {
      // The text of an error ends the line but for the duration; none holds " <".
      const std::size_t end = scanner.rest().rfind(')');
      if (end == std::string_view::npos) return fail("expected ')'");
      scanner.advance(end + 1);
    } else if (scanner.peek() == 'E') {
      const char* start = scanner.position();
      while (is_name_char(scanner.peek())) scanner.advance();
      const std::optional<int> number = event::errno_number(scanner.since(start));
      if (!number) {
        scanner.move_to(start);
        return fail("not the name of an error");
      }
      call.ret = -*number;
      if (event::is_restart_code(*number)) call.finished = true;
    } else if (scanner.take(std::string_view("/*"))) {
      const std::size_t end = scanner.rest().find("*/");
      if (end == std::string_view::npos) return fail("expected '*/'");
      scanner.advance(end + 2);
    } else {
      return fail("expected an error or the duration");
    }
  }
  return true;
}

}  // namespace ft::capture::strace
