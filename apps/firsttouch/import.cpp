// firsttouch import: makes a recording of a log that another tool wrote.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/terminal.h"
#include "base/text.h"
#include "capture/strace/import.h"
#include "command.h"
#include "recording/writer.h"

namespace ft::app {

namespace {

constexpr const char* kDefaultOutput = "firsttouch.ft";

struct Arguments {
  std::string log;
  std::string output;
  bool strict = false;
};

// Set by Ctrl-C and its like; the import stops at the next line.
volatile std::sig_atomic_t interrupted_by = 0;

void remember_signal(int signal) {
  interrupted_by = signal;
}

// While it lives, signals that would end the process are only remembered.
class SignalWatch {
 public:
  SignalWatch() {
    struct sigaction action{};
    action.sa_handler = remember_signal;  // no SA_RESTART: a read from a pipe must come back
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
    }
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &before_[i], nullptr);
    }
  }

 private:
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, 3> before_{};
};

bool same_file(const struct stat& log, const std::string& output) {
  struct stat status{};
  return ::stat(output.c_str(), &status) == 0 && status.st_dev == log.st_dev &&
         status.st_ino == log.st_ino;
}

void tell_summary(const capture::strace::ImportSummary& summary, const std::string& path) {
  const Styler styler = Styler::for_fd(STDERR_FILENO);
  const std::string malformed =
      summary.malformed == 0
          ? "every line understood"
          : styler(Style::Bad, fmt::format("{} lines NOT understood", grouped(summary.malformed)));
  fmt::print(stderr,
             "firsttouch: {} calls of {} threads, {} calls of other kinds skipped, {}: {}\n",
             grouped(summary.calls), grouped(summary.threads), grouped(summary.skipped), malformed,
             printable(path));
}

// The import came to nothing: the older recording gets its name back.
void put_back(const std::string& path) {
  const Result<void> restored = recording::restore_rotated(path);
  if (!restored) fmt::print(stderr, "firsttouch: {}\n", printable(restored.error().message()));
}

Result<void> import_strace(const Arguments& arguments) {
  const bool from_stdin = arguments.log == "-";
  const std::string name = from_stdin ? "standard input" : arguments.log;
  Fd opened;
  if (!from_stdin) {
    opened = Fd(::open(arguments.log.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened.valid()) return fail_errno(name, errno);
  }
  const int fd = from_stdin ? STDIN_FILENO : opened.get();
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail_errno(name, errno);
  if (S_ISDIR(status.st_mode)) return fail_errno(name, EISDIR);

  const bool default_output = arguments.output.empty();
  const std::string path = default_output ? kDefaultOutput : arguments.output;
  if (same_file(status, path)) {
    return fail(path, "the recording would overwrite the log it is made from",
                "name another file with -o");
  }
  const bool rotated = default_output && FT_TRY(recording::rotate_existing(path));
  auto writer = recording::Writer::create(path, {}, recording::Pace::Plain);
  if (!writer) {
    if (rotated) put_back(path);
    return std::unexpected(writer.error());
  }

  Progress progress("importing " + name);
  const auto total = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
  capture::strace::ImportOptions options;
  if (arguments.strict) options.strictness = capture::strace::Strictness::Strict;
  options.keep_going = [&](std::uint64_t bytes_read) {
    progress.update(bytes_read, total);
    return interrupted_by == 0;
  };
  const auto summary = capture::strace::import_fd(fd, name, **writer, options);
  progress.clear();

  Result<void> outcome{};
  if (!summary) outcome = std::unexpected(summary.error());
  if (const std::optional<Error> broken = (*writer)->error()) outcome = std::unexpected(*broken);
  if (outcome) outcome = (*writer)->finish();
  if (!outcome) {
    (*writer)->abandon();
    if (rotated) put_back(path);
    return outcome;
  }
  tell_summary(*summary, path);
  return {};
}

}  // namespace

void add_import(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("import", "Make a recording of a log that another tool wrote");
  command->require_subcommand(1);
  CLI::App* strace = command->add_subcommand("strace", "Import what strace wrote");
  auto arguments = std::make_shared<Arguments>();
  strace->add_option("LOG", arguments->log, "The log; - reads standard input")->required();
  strace->add_option("-o,--output", arguments->output,
                     "File to write (default firsttouch.ft; an older one becomes "
                     "firsttouch.ft.old)");
  strace->add_flag("--strict", arguments->strict,
                   "Fail at the first line that is not understood, instead of counting it");
  strace->footer(
      "Any options of strace's will do; these tell the most:\n"
      "  strace -f -k -y -T -ttt -o start.log \\\n"
      "    -e trace=%memory,%process,memfd_create,ftruncate,fallocate,prctl java -jar app.jar\n\n"
      "Examples:\n"
      "  firsttouch import strace start.log -o start.ft\n"
      "  zcat start.log.gz | firsttouch import strace -\n\n"
      "docs/strace.md says which forms are understood, and what a log cannot tell.");
  strace->callback([arguments, &outcome] {
    Result<void> result{};
    {
      const SignalWatch watch;
      result = import_strace(*arguments);
    }
    if (result) return;
    // Interrupted: nothing is left to say but how.
    if (interrupted_by != 0) std::raise(interrupted_by);
    report_failure(outcome, result.error());
  });
}

}  // namespace ft::app
