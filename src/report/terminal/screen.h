// Screen is the whole terminal, with a title, tabs, lines that scroll and a line at the foot, by
// ncurses. The terminal is as it was when a Screen is gone.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/terminal/navigation.h"
#include "report/text/styled_line.h"

namespace ft::report::terminal {

struct Frame {
  text::StyledLine title;
  std::vector<std::string_view> tabs;
  std::size_t current_tab = 0;
  std::vector<text::StyledLine> body;
  std::size_t first_line = 0;  // of the body, at the top
  std::string foot;
};

class Screen {
 public:
  // Takes the controlling terminal, whatever standard input and output are. Fails where there is
  // none, and where TERM names one that cannot place its cursor: a dumb one, an unknown one.
  // REQUIRES: there is no other. Signals that are handled already stay handled as they are.
  static Result<Screen> open();
  Screen(Screen&& other) noexcept;
  Screen& operator=(Screen&&) = delete;
  ~Screen();

  // Readable when a key was pressed. A signal for another size ends poll(2) too: ask key() then.
  int input_fd() const;

  // Key::None where none is waiting.
  Key key();

  std::size_t width() const;
  std::size_t body_height() const;  // lines of the body that fit; at least 1

  void show(const Frame& frame);

 private:
  struct Terminal;
  explicit Screen(Terminal* terminal) : terminal_(terminal) {}

  Terminal* terminal_ = nullptr;
};

}  // namespace ft::report::terminal
