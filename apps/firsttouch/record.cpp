// firsttouch record: runs a command, or follows a running process, and keeps what it asked of the
// kernel's memory management.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attribution/dwarf_unwinder.h"
#include "attribution/symboliser.h"
#include "base/terminal.h"
#include "base/text.h"
#include "capture/bpf/recorder.h"
#include "capture/counters.h"
#include "capture/ptrace/recorder.h"
#include "command.h"
#include "host/facts.h"
#include "malloc_note.h"
#include "recording/writer.h"
#include "tee_sink.h"

namespace ft::app {

namespace {

constexpr const char* kDefaultOutput = "firsttouch.ft";
constexpr unsigned kDefaultSamplesASecond = 499;
constexpr unsigned kMostSamplesASecond = 20'000;
constexpr double kShortestInterval = 5;  // of --working-set; a look takes some milliseconds
constexpr double kLongestInterval = 3'600'000;

struct Arguments {
  std::string output;
  std::string backend = "auto";
  std::string stacks = "fp";
  std::string snapshots = "light";
  double duration_seconds = 0;
  double working_set_milliseconds = 0;
  std::vector<std::string> counters = {std::string(capture::kTlbEvents)};
  int pid = 0;
  capture::RecordOptions options{.sample_hz = kDefaultSamplesASecond};
};

// Under sudo the recording belongs to who called it.
std::optional<recording::FileOwner> owner_of_recording() {
  const char* user = std::getenv("SUDO_UID");
  const char* group = std::getenv("SUDO_GID");
  if (::geteuid() != 0 || !user || !group) return std::nullopt;
  const auto uid = parse_integer<uid_t>(user);
  const auto gid = parse_integer<gid_t>(group);
  if (!uid || !gid) return std::nullopt;
  return recording::FileOwner{.user = *uid, .group = *gid};
}

Result<capture::RecordResult> record_with(const std::string& backend,
                                          const capture::RecordOptions& options,
                                          event::EventSink& sink) {
  if (backend == "ptrace") return capture::ptrace::record(options, sink);
  auto result = FT_TRY(capture::bpf::record(options, sink));
  if (!result.unavailable) return result;
  if (backend == "bpf") return std::unexpected(*result.unavailable);
  fmt::print(stderr, "firsttouch: recording system calls only: {}\n",
             printable(result.unavailable->message()));
  sink.on_meta("backend.why", result.unavailable->message());
  return capture::ptrace::record(options, sink);
}

void tell_host(event::EventSink& sink) {
  const host::HostFacts facts = host::read_host_facts(host::HostFiles());
  for (const auto& [key, value] : host::flatten(facts)) sink.on_meta(key, value);
}

void tell_nameless(std::span<const Error> problems, event::EventSink& sink) {
  for (const Error& problem : problems) {
    sink.on_loss({.kind = "symbols of " + problem.what,
                  .count = 1,
                  .severity = event::LossSeverity::Notice,
                  .meaning = "functions of this file have no names: " + problem.message()});
  }
}

void tell_unwound(const attribution::UnwoundStacks& unwound, event::EventSink& sink) {
  sink.on_loss(
      {.kind = "stack not unwound to its end",
       .count = unwound.truncated + unwound.broken,
       .severity = event::LossSeverity::Info,
       .meaning = fmt::format("of {} copied stacks {} were deeper than the copy, {} met code "
                              "without unwind tables or frame pointers",
                              unwound.complete + unwound.truncated + unwound.broken,
                              unwound.truncated, unwound.broken)});
}

// Stacks were kept as addresses; the files they point into are here now and may not be later.
attribution::FilePathResolver resolver_of(const capture::RecordResult& result) {
  if (!result.file_systems) return {};
  return [files = result.file_systems](event::Pid pid, const std::string& path) {
    return files->path_of(pid, path);
  };
}

void name_stacks(const capture::RecordResult& result, event::MemoryTrace& small, TeeSink& sink) {
  event::Trace trace = small.trace().value();
  const attribution::FilePathResolver resolve = resolver_of(result);
  if (!result.stack_copies.empty()) {
    const auto keep = [&](event::StackId id, const event::Stack& stack) {
      sink.on_stack(id, stack);
    };
    tell_unwound(attribution::unwind_all(trace, result.stack_copies, keep, resolve), sink);
  }
  const attribution::Symbolised named =
      attribution::symbolise(trace, resolve, sink.sampled_stacks());
  for (const event::StackId id : named.changed) {
    sink.on_stack(id, trace.stacks[static_cast<std::size_t>(id)]);
  }
  tell_nameless(named.problems, sink);
}

// One line on a terminal: a script's stderr stays the target's.
void tell_summary(const TeeSink& seen, const std::string& path) {
  const std::uint64_t lost = seen.lost();
  if (!::isatty(STDERR_FILENO) && lost == 0) return;
  struct stat file{};
  ::stat(path.c_str(), &file);
  const Styler styler = Styler::for_fd(STDERR_FILENO);
  const std::string samples =
      seen.samples() == 0 ? std::string() : fmt::format(", {} samples", grouped(seen.samples()));
  const std::string losses =
      lost == 0 ? "nothing lost" : styler(Style::Bad, fmt::format("{} events LOST", grouped(lost)));
  fmt::print(stderr, "firsttouch: {} page faults, {} system calls{}, {}: {} ({})\n",
             grouped(seen.faults()), grouped(seen.syscalls()), samples, losses, printable(path),
             human_bytes(static_cast<std::uint64_t>(file.st_size)));
}

Result<int> record(const Arguments& arguments) {
  const bool default_output = arguments.output.empty();
  const std::string path = default_output ? kDefaultOutput : arguments.output;
  const bool rotated = default_output && FT_TRY(recording::rotate_existing(path));
  auto writer = recording::Writer::create(path, owner_of_recording());
  if (!writer) {
    if (rotated) (void)recording::restore_rotated(path);
    return std::unexpected(writer.error());
  }
  const auto give_up = [&] {
    (*writer)->abandon();
    if (rotated) (void)recording::restore_rotated(path);
  };

  event::MemoryTrace small;
  TeeSink sink(**writer, small);
  capture::RecordOptions options = arguments.options;
  options.at_end = note_malloc_use;
  const auto result = record_with(arguments.backend, options, sink);
  if (!result) {
    give_up();
    return std::unexpected(result.error());
  }
  if (result->not_started) {
    give_up();
    fmt::print(stderr, "firsttouch: {}\n", printable(result->not_started->message()));
    return result->exit_status;
  }
  name_stacks(*result, small, sink);
  tell_host(sink);
  FT_TRY_VOID((*writer)->finish());
  tell_summary(sink, path);
  return result->exit_status;
}

std::string check_arguments(Arguments& arguments, std::vector<std::string> command) {
  if (!command.empty() && command.front().starts_with("-") && arguments.pid == 0) {
    return fmt::format("{}: no such option (the command to record comes after --)",
                       command.front());
  }
  if (arguments.pid != 0 && !command.empty()) return "-p and a command exclude each other";
  if (arguments.pid == 0 && command.empty()) {
    return "nothing to record (give -p PID, or a command after --)";
  }
  if (arguments.duration_seconds < 0 || arguments.duration_seconds > 1e9) {
    return "--duration: not a number of seconds";
  }
  arguments.options.command = std::move(command);
  if (arguments.pid != 0) arguments.options.attach = arguments.pid;
  if (arguments.duration_seconds > 0) {
    if (arguments.pid == 0) return "--duration needs -p: a command is recorded to its end";
    arguments.options.duration = static_cast<Nanoseconds>(arguments.duration_seconds * 1e9);
  }
  if (arguments.working_set_milliseconds != 0) {
    arguments.options.working_set_interval =
        static_cast<Nanoseconds>(arguments.working_set_milliseconds * 1e6);
  }
  std::erase(arguments.counters, "none");
  arguments.options.counters = arguments.counters;
  arguments.options.dwarf_stacks = arguments.stacks == "dwarf";
  arguments.options.full_snapshots = arguments.snapshots == "full";
  return {};
}

}  // namespace

void add_record(CLI::App& app, Outcome& outcome, std::vector<std::string> target) {
  CLI::App* command = app.add_subcommand(
      "record", "Run a command, or follow a process, and record what it asks of the kernel's mm");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("-o,--output", arguments->output,
                      "File to write (default firsttouch.ft; an older one becomes "
                      "firsttouch.ft.old)");
  command
      ->add_option("--backend", arguments->backend,
                   "auto, bpf (everything, needs root) or ptrace (system calls only)")
      ->check(CLI::IsMember({"auto", "bpf", "ptrace"}));
  command->add_option("-p,--pid", arguments->pid, "Follow this running process instead")
      ->check(CLI::PositiveNumber);
  command->add_option("--duration", arguments->duration_seconds,
                      "With -p: stop after this many seconds (default: Ctrl-C)");
  command->add_option("-u,--user", arguments->options.user,
                      "Run the command as this user (under sudo: the user who called it)");
  command
      ->add_option("--stacks", arguments->stacks,
                   "fp: frame pointers; dwarf: copy the stacks and unwind them afterwards, which "
                   "shows the callers of malloc")
      ->check(CLI::IsMember({"fp", "dwarf"}));
  command
      ->add_option("--snapshots", arguments->snapshots,
                   "light, or full: also smaps and numa_maps of a JVM that has just initialised, "
                   "which delays it by some milliseconds")
      ->check(CLI::IsMember({"light", "full"}));
  command
      ->add_option("--ring-size", arguments->options.ring_bytes,
                   "Size of the event buffer: 64k to 1g (default 16m)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::size_t{4096}, std::size_t{1} << 30U));
  command
      ->add_option("--sample", arguments->options.sample_hz,
                   "Samples of the stacks a second of each running thread (bpf only); 0: none")
      ->check(CLI::Range(0U, kMostSamplesASecond))
      ->capture_default_str();
  command
      ->add_option("--working-set", arguments->working_set_milliseconds,
                   "Look every so many milliseconds which pages were used since; see "
                   "docs/working-set.md for what that costs (default: not)")
      ->type_name("MS")
      ->check(CLI::Range(kShortestInterval, kLongestInterval));
  command
      ->add_option(
          "--counters", arguments->counters,
          "Events to count, as libpfm4 names them, by commas; tlb: those of the TLB and of "
          "remote memory, where the processor has them; none")
      ->delimiter(',')
      ->type_name("EVENT,...")
      ->default_str("tlb");
  command->prefix_command();
  command->footer(
      "The exit status is the command's own (128+N if signal N killed it); 125 if firsttouch\n"
      "failed, 126 if the command cannot be executed, 127 if there is none of that name.\n\n"
      "Examples:\n"
      "  sudo firsttouch record -- java -Xmx8g -jar app.jar\n"
      "  sudo firsttouch record -o gc.ft --stacks dwarf -- java -XX:+AlwaysPreTouch -jar app.jar\n"
      "  sudo firsttouch record -p $(pgrep -n java) --duration 10\n"
      "  firsttouch record --backend ptrace -- ./server");
  command->callback([command, arguments, &outcome, target = std::move(target)] {
    // Without "--" the command starts at the first word that is no option of ours.
    std::vector<std::string> words = command->remaining();
    words.insert(words.end(), target.begin(), target.end());
    const std::string problem = check_arguments(*arguments, std::move(words));
    if (!problem.empty()) {
      report_failure(outcome, {.what = "record", .why = problem, .remedy = {}}, kExitUsage);
      return;
    }
    const auto status = record(*arguments);
    if (!status) return report_failure(outcome, status.error());
    outcome.exit_status = *status;
  });
}

}  // namespace ft::app
