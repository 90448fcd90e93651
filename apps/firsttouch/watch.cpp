// firsttouch watch: a process and its host, refreshed; on a screen, or as lines for scripts.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/terminal.h"
#include "base/text.h"
#include "command.h"
#include "jvm/subsystem.h"
#include "output.h"
#include "report/csv/watch.h"
#include "report/json/watch.h"
#include "report/text/watch.h"
#include "watch_screen.h"
#include "watch_session.h"

namespace ft::app {

namespace {

using Reading = WatchSampler::Reading;
using Event = WatchSession::Event;

enum class Form : std::uint8_t { Screen, Lines, Text, Csv, Json };

struct WatchArguments {
  int pid = 0;
  double interval_seconds = 1;
  std::size_t count = 0;  // 0: no end
  bool once = false;
  bool plain = false;
  bool csv = false;
  bool json = false;
  bool no_faults = false;
  bool ask_jvm = false;
  std::string output;
  std::vector<std::string> command;

  Nanoseconds interval() const { return static_cast<Nanoseconds>(interval_seconds * 1e9); }
  bool launches() const { return !command.empty(); }
};

// Where refreshes go that are not for a screen: standard output; standard error where standard
// output is the command's; or a file.
class RefreshWriter {
 public:
  RefreshWriter(const WatchArguments& arguments, Form form, Output output)
      : arguments_(arguments),
        form_(form),
        to_stderr_(arguments.launches() && arguments.output.empty()),
        output_(std::move(output)) {}

  // False once writing makes no more sense.
  bool write(const report::model::Watch& watch) {
    switch (form_) {
      case Form::Json:
        return put(report::json::render(watch, layout()));
      case Form::Csv:
        if (written_++ == 0) put(report::csv::watch_heading(watch, jvm::kSubsystemNames));
        return put(report::csv::watch_row(watch, jvm::kSubsystemNames));
      case Form::Text:
        return put(report::text::render_watch(watch, {.width = width()}, Styler(colours())));
      case Form::Lines:
      case Form::Screen:
        if (written_++ % kRowsOfAHeading == 0) put(report::text::watch_row_heading());
        return put(report::text::watch_row(watch));
    }
    return false;
  }

  void write(const report::model::BeforeAfter& table) {
    if (form_ == Form::Json) {
      put(report::json::render(table, layout()));
      return;
    }
    // Rows of another table have no place in a file of comma-separated values.
    const bool aside = form_ == Form::Csv;
    const std::string text = report::text::render_before_after(
        table, {.colours = aside ? Styler::Colours::Off : colours(),
                .width = static_cast<unsigned>(width())});
    if (aside)
      fmt::print(stderr, "{}", text);
    else
      put(text);
  }

  Result<void> finish() { return output_.finish(); }

 private:
  static constexpr std::size_t kRowsOfAHeading = 20;

  int fd() const { return to_stderr_ ? STDERR_FILENO : STDOUT_FILENO; }
  bool is_terminal_output() const { return to_stderr_ || output_.is_stdout(); }
  std::size_t width() const { return is_terminal_output() ? terminal_width(fd()) : 100; }
  Styler::Colours colours() const {
    return is_terminal_output() && colours_wanted(fd()) ? Styler::Colours::On
                                                        : Styler::Colours::Off;
  }
  report::json::Layout layout() const {
    return arguments_.once ? report::json::Layout::Indented : report::json::Layout::Line;
  }
  bool put(std::string_view text) {
    if (!to_stderr_) return output_.write(text);
    fmt::print(stderr, "{}", text);
    return true;
  }

  const WatchArguments& arguments_;
  Form form_;
  bool to_stderr_;
  Output output_;
  std::size_t written_ = 0;
};

Form form_of(const WatchArguments& arguments) {
  if (arguments.json) return Form::Json;
  if (arguments.csv) return Form::Csv;
  if (arguments.once) return Form::Text;
  const bool terminal =
      ::isatty(STDOUT_FILENO) == 1 || (arguments.launches() && ::isatty(STDERR_FILENO) == 1);
  if (arguments.plain || !arguments.output.empty() || arguments.count != 0 || !terminal) {
    return Form::Lines;
  }
  return Form::Screen;
}

// To the end of the command, whatever is asked: its status is ours.
Result<void> wait_for_command(WatchSession& session) {
  if (!session.command()) return {};
  constexpr Nanoseconds kPause = 200'000'000;
  while (!session.exit_status()) {
    session.command()->copy_output();
    FT_TRY(session.wait(monotonic_now() + kPause));
  }
  session.command()->copy_output();
  return {};
}

Result<void> run_once(WatchSession& session, const WatchArguments& arguments,
                      RefreshWriter& writer) {
  if (session.command()) {
    FT_TRY_VOID(wait_for_command(session));
  } else {
    // Rates need two looks.
    const Nanoseconds until = monotonic_now() + arguments.interval();
    const Event event = FT_TRY(session.wait(until));
    if (event == Event::Stopped) return {};
  }
  writer.write(session.refresh(Reading::Everything));
  return {};
}

Result<void> run_lines(WatchSession& session, const WatchArguments& arguments,
                       RefreshWriter& writer) {
  std::size_t written = 1;
  bool going = writer.write(session.shown());
  Nanoseconds next = monotonic_now() + arguments.interval();
  while (going && !session.ended() && written != arguments.count) {
    const Event event = FT_TRY(session.wait(next));
    if (event == Event::Stopped) break;
    if (event == Event::Input) continue;
    going = writer.write(session.refresh(Reading::AsDue));
    ++written;
    next += arguments.interval();
    // After a pause of the whole machine, one refresh is enough.
    if (next < monotonic_now()) next = monotonic_now();
  }
  if (session.ended() && !session.command()) {
    fmt::print(stderr, "firsttouch: process {} {}\n", arguments.pid,
               session.shown().process ? session.shown().process->ended_words : "has ended");
  }
  return wait_for_command(session);
}

Result<std::unique_ptr<WatchSession>> open_session(const WatchArguments& arguments, Form form) {
  auto signals = FT_TRY(capture::RecorderSignals::make());
  const WatchSampler::Options options{.count_faults = !arguments.no_faults,
                                      .ask_jvm = arguments.ask_jvm};
  if (!arguments.launches()) {
    return WatchSession::attach(arguments.pid, options, std::move(signals));
  }
  return WatchSession::launch(arguments.command, form == Form::Screen, options, std::move(signals));
}

Result<int> watch(const WatchArguments& arguments) {
  Form form = form_of(arguments);
  Output output = FT_TRY(Output::open(arguments.output));
  // Before there is a screen, so that its errors stay in sight.
  const std::unique_ptr<WatchSession> session = FT_TRY(open_session(arguments, form));
  std::optional<report::terminal::Screen> screen;
  if (form == Form::Screen) {
    auto opened = report::terminal::Screen::open();
    if (opened)
      screen.emplace(*std::move(opened));
    else
      form = Form::Lines;
  }
  RefreshWriter writer(arguments, form, std::move(output));
  if (const auto failure = FT_TRY(session->begin())) {
    screen.reset();
    fmt::print(stderr, "firsttouch: {}\n", printable(failure->error.message()));
    return failure->exit_status();
  }
  if (screen) {
    FT_TRY_VOID(show_on_screen(*screen, *session, arguments.interval()));
    screen.reset();
    FT_TRY_VOID(wait_for_command(*session));
  } else if (arguments.once) {
    FT_TRY_VOID(run_once(*session, arguments, writer));
  } else {
    FT_TRY_VOID(run_lines(*session, arguments, writer));
  }
  if (const auto table = session->before_after()) writer.write(*table);
  FT_TRY_VOID(writer.finish());
  return session->exit_status().value_or(kExitDone);
}

std::string check_arguments(WatchArguments& arguments, std::vector<std::string> command) {
  if (!command.empty() && command.front().starts_with("-") && arguments.pid == 0) {
    return fmt::format("{}: no such option (the command to watch comes after --)", command.front());
  }
  if (arguments.pid != 0 && !command.empty()) return "-p and a command exclude each other";
  if (arguments.pid == 0 && command.empty()) {
    return "nothing to watch (give -p PID, or a command after --)";
  }
  if (arguments.csv && arguments.json) return "--csv and --json exclude each other";
  if (arguments.once && arguments.count != 0) return "--once and --count exclude each other";
  arguments.command = std::move(command);
  return {};
}

}  // namespace

void add_watch(CLI::App& app, Outcome& outcome, std::vector<std::string> target) {
  CLI::App* command = app.add_subcommand(
      "watch", "Show a process, its host and what the kernel will do next, refreshed");
  auto arguments = std::make_shared<WatchArguments>();
  command->add_option("-p,--pid", arguments->pid, "Watch this running process")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("-i,--interval", arguments->interval_seconds, "Seconds from refresh to refresh")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str();
  command->add_option("-n,--count", arguments->count, "Lines instead of a screen: so many")
      ->check(CLI::PositiveNumber);
  command->add_flag("--once", arguments->once,
                    "Everything once, as text: rates of one interval; of a command: at its end");
  command->add_flag("--plain", arguments->plain, "Lines instead of a screen");
  command->add_flag("--csv", arguments->csv, "Lines of comma-separated values");
  command->add_flag("--json", arguments->json, "A JSON object a line; with --once, one, indented");
  command->add_flag(
      "--no-faults", arguments->no_faults,
      "Do not count page faults by subsystem, which takes the process some 0.2 µs each");
  command->add_flag("--ask-jvm", arguments->ask_jvm,
                    "Ask the JVM for its own account once a minute, which takes it some memory");
  command->add_option("-o,--output", arguments->output, "Write to this file instead")
      ->type_name("OUT");
  command->prefix_command();
  command->footer(
      "With a command, its standard output stays its own: lines go to standard error, or to OUT.\n"
      "The exit status is then the command's own, as with record.\n\n"
      "Examples:\n"
      "  firsttouch watch -p $(pgrep -n java)\n"
      "  firsttouch watch -- java -Xmx8g -jar app.jar\n"
      "  firsttouch watch -p 4242 --once --json | jq .next");
  command->callback([command, arguments, &outcome, target = std::move(target)] {
    std::vector<std::string> words = command->remaining();
    words.insert(words.end(), target.begin(), target.end());
    const std::string problem = check_arguments(*arguments, std::move(words));
    if (!problem.empty()) {
      report_failure(outcome, {.what = "watch", .why = problem, .remedy = {}}, kExitUsage);
      return;
    }
    const auto status = watch(*arguments);
    if (!status) return report_failure(outcome, status.error());
    outcome.exit_status = *status;
  });
}

}  // namespace ft::app
