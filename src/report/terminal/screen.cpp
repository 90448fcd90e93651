#include "report/terminal/screen.h"

#include <curses.h>
#include <langinfo.h>
#include <unistd.h>
#include <clocale>
#include <cstdlib>
#include <cstring>

#include <algorithm>
#include <utility>

#include "base/fd.h"
#include "base/terminal.h"
#include "report/text/table.h"

namespace ft::report::terminal {

namespace {

constexpr int kTitleRow = 0;
constexpr int kTabRow = 1;
constexpr int kBodyRow = 2;
constexpr int kFootRows = 1;

enum ColourPair : short { kPlain = 0, kCyan = 1, kGreen, kYellow, kRed };

void set_up_colours(int fd) {
  if (!colours_wanted(fd) || !::has_colors()) return;
  ::start_color();
  ::use_default_colors();
  ::init_pair(kCyan, COLOR_CYAN, -1);
  ::init_pair(kGreen, COLOR_GREEN, -1);
  ::init_pair(kYellow, COLOR_YELLOW, -1);
  ::init_pair(kRed, COLOR_RED, -1);
}

// Without colours the pairs are all plain, and the attributes still tell parts apart.
attr_t attributes_of(std::optional<Style> style) {
  if (!style) return A_NORMAL;
  switch (*style) {
    case Style::Heading:
      return A_BOLD | COLOR_PAIR(kCyan);
    case Style::Good:
      return COLOR_PAIR(kGreen);
    case Style::Warning:
      return A_BOLD | COLOR_PAIR(kYellow);
    case Style::Bad:
      return A_BOLD | COLOR_PAIR(kRed);
    case Style::Faint:
      return A_DIM;
    case Style::Strong:
      return A_BOLD;
  }
  return A_NORMAL;
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
}

// For terminals of another character set: what is not ASCII is replaced, a character by a
// character.
std::string in_ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto take = [&](std::string_view from, char to) {
      if (!text.starts_with(from)) return false;
      out += to;
      text.remove_prefix(from.size());
      return true;
    };
    if (take("─", '-') || take("…", '~') || take("µ", 'u')) continue;
    const char c = text.front();
    if (!is_continuation(c)) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
    text.remove_prefix(1);
  }
  return out;
}

Key key_of(int pressed) {
  constexpr int kShiftTab = KEY_BTAB;
  switch (pressed) {
    case ERR:
      return Key::None;
    case 'q':
    case 'Q':
      return Key::Quit;
    case 's':
    case 'S':
      return Key::Sort;
    case 'p':
    case 'P':
    case ' ':
      return Key::Pause;
    case 'h':
    case '?':
    case KEY_F(1):
      return Key::Help;
    case KEY_UP:
    case 'k':
      return Key::Up;
    case KEY_DOWN:
    case 'j':
      return Key::Down;
    case KEY_PPAGE:
      return Key::PageUp;
    case KEY_NPAGE:
      return Key::PageDown;
    case KEY_HOME:
      return Key::Home;
    case KEY_END:
      return Key::End;
    case '\t':
    case KEY_RIGHT:
      return Key::NextView;
    case kShiftTab:
    case KEY_LEFT:
      return Key::PreviousView;
    case KEY_RESIZE:
      return Key::Resize;
    default:
      return Key::Other;
  }
}

}  // namespace

struct Screen::Terminal {
  std::FILE* file = nullptr;
  SCREEN* screen = nullptr;
  bool utf8 = false;

  // Puts text at the cursor, at most as much as fits behind it; returns the columns left.
  std::size_t put(std::string_view part, attr_t attributes, std::size_t room) const {
    std::string fitting = text::shortened(part, room);
    if (!utf8) fitting = in_ascii(fitting);
    ::attrset(attributes);
    ::addnstr(fitting.data(), static_cast<int>(fitting.size()));
    ::attrset(A_NORMAL);
    return room - std::min(room, text::shown_width(std::string_view(fitting)));
  }
  void put_line(int row, const text::StyledLine& line, std::size_t width) const {
    ::move(row, 0);
    for (const text::Span& span : line) width = put(span.text, attributes_of(span.style), width);
    if (width > 0) ::clrtoeol();
  }
};

Result<Screen> Screen::open() {
  const char* term = std::getenv("TERM");
  if (!term || *term == '\0' || std::strcmp(term, "dumb") == 0) {
    return fail("the terminal", "TERM says that it cannot place its cursor");
  }
  std::FILE* file = std::fopen("/dev/tty", "r+e");
  if (!file) return fail_errno("/dev/tty", errno);
  // Only for what the terminal's characters are: numbers stay as they are everywhere.
  std::setlocale(LC_CTYPE, "");
  SCREEN* screen = ::newterm(nullptr, file, file);
  if (!screen) {
    std::fclose(file);
    return fail("the terminal", std::string("no description of a '") + term + "' is installed");
  }
  ::set_term(screen);
  ::cbreak();
  ::noecho();
  ::nonl();
  ::keypad(stdscr, TRUE);
  ::nodelay(stdscr, TRUE);
  // A lone Escape is no key here; do not wait a second to find out.
  ::set_escdelay(25);
  ::curs_set(0);
  set_up_colours(::fileno(file));
  auto* terminal = new Terminal;
  terminal->file = file;
  terminal->screen = screen;
  terminal->utf8 = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  return Screen(terminal);
}

Screen::Screen(Screen&& other) noexcept : terminal_(std::exchange(other.terminal_, nullptr)) {}

Screen::~Screen() {
  if (!terminal_) return;
  ::endwin();
  ::delscreen(terminal_->screen);
  std::fclose(terminal_->file);
  delete terminal_;
}

int Screen::input_fd() const {
  return ::fileno(terminal_->file);
}

Key Screen::key() {
  return key_of(::getch());
}

std::size_t Screen::width() const {
  return static_cast<std::size_t>(std::max(COLS, 1));
}

std::size_t Screen::body_height() const {
  return static_cast<std::size_t>(std::max(LINES - kBodyRow - kFootRows, 1));
}

void Screen::show(const Frame& frame) {
  const Terminal& terminal = *terminal_;
  ::erase();
  terminal.put_line(kTitleRow, frame.title, width());
  ::move(kTabRow, 0);
  std::size_t room = width();
  for (std::size_t i = 0; i < frame.tabs.size() && room > 1; ++i) {
    const attr_t look = i == frame.current_tab ? A_REVERSE : A_NORMAL;
    room = terminal.put(" " + std::string(frame.tabs[i]) + " ", look, room);
  }
  for (std::size_t row = 0; row < body_height(); ++row) {
    const std::size_t line = frame.first_line + row;
    if (line >= frame.body.size()) break;
    terminal.put_line(kBodyRow + static_cast<int>(row), frame.body[line], width());
  }
  // The last column of the last line stays free: writing there scrolls some terminals.
  terminal.put_line(LINES - 1, {{frame.foot, Style::Faint}}, width() - 1);
  ::refresh();
}

}  // namespace ft::report::terminal
