// firsttouch calibrate: measures what this host's memory management takes and writes it as a
// machine file for replay and validate.
#include "calibrate/calibrate.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/terminal.h"
#include "base/text.h"
#include "calibrate/machine_text.h"
#include "calibrate/recorded.h"
#include "capture/bpf/recorder.h"
#include "command.h"
#include "host/facts.h"
#include "output.h"

namespace ft::app {

namespace {

struct Arguments {
  std::string output;
  bool quick = false;
  std::size_t recorded_rounds = 0;  // hidden: the process that the recorder watches
};

// Which signal asked to stop. Measuring goes on to the end of a step, and nothing is written.
volatile sig_atomic_t stop_signal = 0;

void note_signal(int signal) {
  stop_signal = signal;
}

class StopOnSignal {
 public:
  StopOnSignal() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      struct sigaction action{};
      action.sa_handler = note_signal;
      ::sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
    }
  }
  StopOnSignal(const StopOnSignal&) = delete;
  ~StopOnSignal() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &before_[i], nullptr);
    }
  }

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

// A line on stderr that is written over; nothing where that is no terminal.
class StepLine {
 public:
  StepLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}
  StepLine(const StepLine&) = delete;
  ~StepLine() { clear(); }
  void show(std::string_view what, double share) {
    std::string line = fmt::format("calibrating: {:3.0f} %, {}", 100 * share, what);
    if (!terminal_ || line == shown_) return;
    fmt::print(stderr, "\r{}\033[K", line);
    shown_ = std::move(line);
  }
  void clear() {
    if (!shown_.empty()) fmt::print(stderr, "\r\033[K");
    shown_.clear();
  }

 private:
  bool terminal_;
  std::string shown_;
};

Result<std::vector<calibrate::Round>> record_exercises(
    bool quick, const std::vector<calibrate::Exercise>& list) {
  capture::RecordOptions options;
  options.command = {"/proc/self/exe", "calibrate", "--recorded-rounds",
                     std::to_string(calibrate::recorded_rounds(quick))};
  calibrate::RecordedRounds seen;
  const auto result = FT_TRY(capture::bpf::record(options, seen));
  if (result.unavailable) return std::unexpected(*result.unavailable);
  if (result.not_started) return std::unexpected(*result.not_started);
  if (result.exit_status > 128) stop_signal = result.exit_status - 128;
  if (result.exit_status != 0) {
    return fail("the process that was recorded",
                fmt::format("it ended with status {}", result.exit_status));
  }
  if (seen.lost() != 0) {
    return fail("the recorder", fmt::format("it lost {} events", grouped(seen.lost())));
  }
  return seen.rounds(list);
}

// What the recorder watches: itself runs nothing else.
int run_recorded_child(std::size_t rounds) {
  const calibrate::ChosenCpus cpus = calibrate::choose_cpus();
  const calibrate::Pinned pinned(cpus.own);
  const host::HostFacts facts = host::read_host_facts(host::HostFiles());
  calibrate::run_marked(calibrate::recorded_exercises(facts, cpus.other), rounds);
  return kExitDone;
}

// Nothing where a signal asked to stop: then nothing was written.
Result<std::optional<int>> run_calibrate(const Arguments& arguments) {
  const StopOnSignal stop;
  Output output = FT_TRY(Output::open(arguments.output));  // before the time is spent
  std::optional<calibrate::Calibration> done;
  {
    StepLine line;
    calibrate::Options options;
    options.quick = arguments.quick;
    options.progress = [&](std::string_view what, double share) {
      line.show(what, share);
      return stop_signal == 0;
    };
    options.record = [&](const std::vector<calibrate::Exercise>& list) {
      return record_exercises(arguments.quick, list);
    };
    done = FT_TRY(calibrate::calibrate(options));
  }
  if (!done || stop_signal != 0) return std::nullopt;
  output.write(calibrate::machine_text(done->machine, done->left_out));
  FT_TRY_VOID(output.finish());
  const auto& measured = done->machine.costs.measured;
  if (measured && measured->noisy.value_or(false)) {
    fmt::print(stderr,
               "firsttouch: calibrate: this host is noisy now, and the figures with it: {}\n",
               printable(measured->why));
  }
  return kExitDone;
}

}  // namespace

void add_calibrate(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "calibrate", "Measures what this host's memory management takes, as a machine file");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("-o,--output", arguments->output,
                      "File to write (TOML; default: standard output)");
  command->add_flag("--quick", arguments->quick, "Fewer repetitions: some ten seconds");
  command->add_option("--recorded-rounds", arguments->recorded_rounds)
      ->check(CLI::Range(1U, 1000U))
      ->group("");
  command->footer(
      "Faults of each kind, memory system calls, TLB flushes, the TLB's reach and the memory's\n"
      "speed are measured again and again, first by the program's own clock, then as a recording\n"
      "sees them (needs root). It takes half a minute, up to a quarter of the free memory, and\n"
      "changes no setting of the host. What this host cannot do is left out, and the file says "
      "why.\n\n"
      "Examples:\n"
      "  sudo firsttouch calibrate -o here.toml\n"
      "  firsttouch calibrate --quick\n"
      "  firsttouch replay run.ft --machine ./here.toml");
  command->callback([arguments, &outcome] {
    if (arguments->recorded_rounds != 0) {
      outcome.exit_status = run_recorded_child(arguments->recorded_rounds);
      return;
    }
    const auto status = run_calibrate(*arguments);
    if (!status) return report_failure(outcome, status.error());
    if (!*status) {
      fmt::print(stderr, "firsttouch: calibrate: interrupted; nothing was written\n");
      ::raise(stop_signal);
    }
    outcome.exit_status = status->value_or(128 + stop_signal);
  });
}

}  // namespace ft::app
