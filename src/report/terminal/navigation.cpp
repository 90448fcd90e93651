#include "report/terminal/navigation.h"

namespace ft::report::terminal {

void Navigation::press(Key key, std::size_t lines, std::size_t page) {
  switch (key) {
    case Key::Quit:
      // Out of the help first, as in other programs.
      help_ ? help_ = false : quit_ = true;
      return;
    case Key::Help:
      help_ = !help_;
      return;
    case Key::Sort:
      sort_ = (sort_ + 1) % sorts_;
      return;
    case Key::Pause:
      paused_ = !paused_;
      return;
    case Key::NextView:
      help_ = false;
      view_ = (view_ + 1) % scroll_.size();
      return;
    case Key::PreviousView:
      help_ = false;
      view_ = (view_ + scroll_.size() - 1) % scroll_.size();
      return;
    case Key::Up:
    case Key::Down:
    case Key::PageUp:
    case Key::PageDown:
    case Key::Home:
    case Key::End:
      move(key, lines, page);
      return;
    case Key::None:
    case Key::Resize:
    case Key::Other:
      return;
  }
}

void Navigation::move(Key key, std::size_t lines, std::size_t page) {
  const std::size_t last = last_start(lines, page);
  std::size_t at = scroll(lines, page);
  const auto back = [&](std::size_t by) { at -= std::min(at, by); };
  const auto forth = [&](std::size_t by) { at = std::min(at + by, last); };
  const std::size_t whole = std::max<std::size_t>(page, 1);
  if (key == Key::Up) back(1);
  if (key == Key::Down) forth(1);
  if (key == Key::PageUp) back(whole);
  if (key == Key::PageDown) forth(whole);
  if (key == Key::Home) at = 0;
  if (key == Key::End) at = last;
  scroll_[view_] = at;
}

}  // namespace ft::report::terminal
