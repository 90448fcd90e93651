// Where the reader of a screen of several views is: which view, how far down, what the keys do. No
// terminal in it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ft::report::terminal {

enum class Key : std::uint8_t {
  None,
  Quit,
  Sort,
  Pause,
  Help,
  Up,
  Down,
  PageUp,
  PageDown,
  Home,
  End,
  NextView,
  PreviousView,
  Resize,
  Other,  // a key that means nothing
};

class Navigation {
 public:
  // REQUIRES: views > 0, sorts > 0.
  Navigation(std::size_t views, std::size_t sorts) : scroll_(views, 0), sorts_(sorts) {}

  // `lines`: of the view that is shown; `page`: of them that fit.
  void press(Key key, std::size_t lines, std::size_t page);

  std::size_t view() const { return view_; }
  std::size_t sort() const { return sort_; }
  bool paused() const { return paused_; }
  bool help() const { return help_; }
  bool quit() const { return quit_; }
  // The first line to show, never beyond where a page ends with the last line.
  std::size_t scroll(std::size_t lines, std::size_t page) const {
    return std::min(scroll_[view_], last_start(lines, page));
  }

 private:
  static std::size_t last_start(std::size_t lines, std::size_t page) {
    return lines > page ? lines - page : 0;
  }
  void move(Key key, std::size_t lines, std::size_t page);

  std::vector<std::size_t> scroll_;  // by view
  std::size_t sorts_;
  std::size_t view_ = 0;
  std::size_t sort_ = 0;
  bool paused_ = false;
  bool help_ = false;
  bool quit_ = false;
};

}  // namespace ft::report::terminal
