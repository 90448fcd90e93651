#include "watch_screen.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/clock.h"
#include "base/text.h"
#include "report/text/watch.h"

namespace ft::app {

namespace {

using report::terminal::Frame;
using report::terminal::Key;
using report::terminal::Navigation;
using report::terminal::Screen;
using report::text::StyledLine;
using report::text::WatchSort;
using report::text::WatchView;

constexpr std::size_t kOutputTail = 65'536;  // bytes of the command's output that can be looked at

constexpr std::array<std::string_view, 13> kHelp = {
    "q            quit; a command goes on, and firsttouch waits for it",
    "tab, right   the next view",
    "shift-tab, left   the view before",
    "up, down, page up, page down, home, end   scroll",
    "s            sort the subsystems: resident, growth, faults, name",
    "p, space     pause and go on",
    "h, ?         this help",
    "",
    "Dear figures say how old they are: what walks the page tables of a large",
    "process is read as often as a small share of one processor allows.",
    "A dash is a figure that is not known; the view Remarks says why.",
    "Rates are per second since the refresh before.",
    "man firsttouch has more.",
};

class Viewer {
 public:
  Viewer(Screen& screen, WatchSession& session)
      : screen_(screen),
        session_(session),
        tabs_(report::text::kWatchViewNames.begin(), report::text::kWatchViewNames.end()),
        navigation_(with_output_tab(session, tabs_), report::text::kWatchSortNames.size()) {}

  bool quit() const { return navigation_.quit(); }
  bool paused() const { return navigation_.paused(); }

  // Takes every key that waits.
  void read_keys() {
    for (Key key = screen_.key(); key != Key::None; key = screen_.key()) {
      navigation_.press(key, body().size(), screen_.body_height());
    }
  }

  void draw() const {
    Frame frame;
    frame.title = report::text::watch_title(session_.shown());
    frame.tabs = tabs_;
    frame.current_tab = navigation_.view();
    frame.body = body();
    frame.first_line = navigation_.scroll(frame.body.size(), screen_.body_height());
    frame.foot = foot(frame.body.size());
    screen_.show(frame);
  }

 private:
  static std::size_t with_output_tab(WatchSession& session, std::vector<std::string_view>& tabs) {
    if (session.command() && session.command()->keeps_output()) tabs.push_back("Output");
    return tabs.size();
  }

  std::vector<StyledLine> body() const {
    if (navigation_.help()) return help_lines();
    if (navigation_.view() >= report::text::kWatchViewNames.size()) return output_lines();
    return report::text::watch_lines(
        session_.shown(), static_cast<WatchView>(navigation_.view()),
        {.width = screen_.width(), .sort = static_cast<WatchSort>(navigation_.sort())});
  }

  static std::vector<StyledLine> help_lines() {
    std::vector<StyledLine> lines;
    for (const std::string_view line : kHelp) lines.push_back({{"  " + std::string(line), {}}});
    return lines;
  }

  std::vector<StyledLine> output_lines() const {
    std::vector<StyledLine> lines;
    const std::string text = session_.command()->output_tail(kOutputTail);
    std::string_view rest = text;
    while (!rest.empty()) lines.push_back({{printable(take_until(rest, '\n')), {}}});
    return lines;
  }

  std::string foot(std::size_t lines) const {
    std::string keys = fmt::format("q quit  tab view  s sort:{}  p {}  h help",
                                   report::text::kWatchSortNames[navigation_.sort()],
                                   navigation_.paused() ? "GO ON (paused)" : "pause");
    const std::size_t page = screen_.body_height();
    if (lines > page) {
      const std::size_t first = navigation_.scroll(lines, page);
      keys += fmt::format("  lines {}-{} of {}", first + 1, std::min(first + page, lines), lines);
    }
    return keys;
  }

  Screen& screen_;
  WatchSession& session_;
  std::vector<std::string_view> tabs_;
  Navigation navigation_;
};

}  // namespace

Result<void> show_on_screen(Screen& screen, WatchSession& session, Nanoseconds interval) {
  Viewer viewer(screen, session);
  Nanoseconds next = monotonic_now() + interval;
  while (!viewer.quit()) {
    viewer.draw();
    const auto event = FT_TRY(session.wait(next, screen.input_fd()));
    if (event == WatchSession::Event::Stopped) return {};
    if (event == WatchSession::Event::Input) viewer.read_keys();
    if (event == WatchSession::Event::Ended) session.refresh(WatchSampler::Reading::AsDue);
    if (event == WatchSession::Event::Due) {
      if (!viewer.paused()) session.refresh(WatchSampler::Reading::AsDue);
      next = monotonic_now() + interval;
    }
  }
  return {};
}

}  // namespace ft::app
