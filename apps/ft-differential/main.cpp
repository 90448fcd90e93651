// ft-differential: random programs of memory system calls, run by this host's kernel and by the
// model, and compared after every instruction (docs/fidelity.md).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <set>
#include <string>

#include "base/text.h"
#include "host_settings.h"
#include "runner.h"
#include "shrink.h"

namespace ft::differential {

namespace {

constexpr int kExitDone = 0;
constexpr int kExitMismatch = 1;
constexpr int kExitUsage = 2;
constexpr int kExitFailed = 125;

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t programs = 100;
  std::size_t operations = 100;
  std::optional<std::uint64_t> only;
  std::string kernel = "auto";
  bool verbose = false;
  bool check = false;
  bool shrink = true;
};

struct Totals {
  std::uint64_t programs = 0;
  std::uint64_t operations = 0;
  std::uint64_t mismatches = 0;
  std::uint64_t skipped = 0;
};

void print_instruction(const Instruction& instruction, const Effect& live, const Effect& model) {
  fmt::print("{}\n  live {}", to_cpp(instruction), describe(live, instruction));
  if (!(live == model)) fmt::print(", model {}", describe(model, instruction));
  fmt::print("\n");
  std::fflush(stdout);  // the model may be about to fail a check
}

class Session {
 public:
  Session(const Options& options, sim::machine::Settings settings)
      : options_(options), runner_(settings) {
    runner_.set_checking(options.check);
  }

  Result<Totals> run() {
    if (options_.only) {
      FT_TRY_VOID(run_program(*options_.only));
      return totals_;
    }
    for (std::uint64_t number = 0; number < options_.programs; ++number)
      FT_TRY_VOID(run_program(number));
    return totals_;
  }

 private:
  Result<void> run_program(std::uint64_t number) {
    if (options_.verbose) runner_.set_watcher(print_instruction);
    const Run run = FT_TRY(runner_.generate(options_.seed, number, options_.operations));
    runner_.set_watcher({});
    ++totals_.programs;
    totals_.operations += run.program.instructions.size();
    if (!run.mismatch) return {};
    if (!run.disturbed_by.empty()) {
      ++totals_.skipped;
      fmt::print("seed {} program {}: skipped, the kernel acted of its own accord ({})\n",
                 options_.seed, number, run.disturbed_by);
      return {};
    }
    ++totals_.mismatches;
    return report(number, run);
  }

  Result<void> report(std::uint64_t number, const Run& run) {
    fmt::print("seed {} program {} operation {}: {}\n", options_.seed, number, run.mismatch->at,
               kind_of(run));
    // Those of one kind likely have one cause, and a minimal program for each would not say more.
    const bool shrinks = options_.shrink && kinds_.insert(kind_of(run)).second;
    const Run smallest = shrinks ? FT_TRY(shrink(runner_, run)) : run;
    fmt::print("after {}:\n{}", to_cpp(smallest.program.instructions.back()),
               describe(*smallest.mismatch));
    if (shrinks)
      fmt::print("\n{}\n",
                 to_cpp(smallest.program, fmt::format("Seed{}Program{}", options_.seed, number)));
    std::fflush(stdout);
    return {};
  }

  const Options& options_;
  Runner runner_;
  Totals totals_;
  std::set<std::string> kinds_;
};

int fail_with(const Error& error) {
  fmt::print(stderr, "ft-differential: {}\n", printable(error.message()));
  return kExitFailed;
}

int run_session(const Options& options) {
  Result<sim::machine::Settings> settings = host_settings(options.kernel);
  if (!settings) return fail_with(settings.error());
  const Result<Totals> totals = Session(options, *settings).run();
  if (!totals) return fail_with(totals.error());
  fmt::print("skipped {}\n", totals->skipped);
  fmt::print("programs {} operations {} mismatches {}\n", totals->programs, totals->operations,
             totals->mismatches);
  return totals->mismatches ? kExitMismatch : kExitDone;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Runs random programs of memory system calls and accesses on this host's kernel and in the "
      "model kernel, and compares both after every operation.",
      "ft-differential");
  app.add_option("--seed", options.seed, "Which programs: the same seed makes the same")
      ->capture_default_str();
  app.add_option("--programs", options.programs, "How many programs")->capture_default_str();
  app.add_option("--ops", options.operations, "Operations a program")->capture_default_str();
  app.add_option("--only", options.only, "Run this one program of the seed, counted from 0");
  app.add_option("--kernel", options.kernel, "The release that the model follows")
      ->check(CLI::IsMember({"auto", "6.1", "6.12", "6.18"}))
      ->capture_default_str();
  app.add_flag("--verbose", options.verbose, "Print every operation and what it returned");
  app.add_flag("--check", options.check, "Let the model check its structures at every operation");
  app.add_flag("!--no-shrink", options.shrink,
               "Print a mismatch without looking for a minimal program");
  app.footer(
      "Exit status: 0 both agree, 1 a mismatch, 2 wrong usage, 125 the comparison failed.\n"
      "A program during which the kernel acted of its own accord (khugepaged, reclaim) and which\n"
      "then differed is skipped and counted.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    fmt::print(stderr, "ft-differential: {} (ft-differential --help lists what there is)\n",
               printable(error.what()));
    return kExitUsage;
  }
  return run_session(options);
}

}  // namespace

}  // namespace ft::differential

int main(int argc, char** argv) {
  try {
    return ft::differential::run(argc, argv);
  } catch (const std::exception& error) {
    // Nothing of ours throws; a library did.
    fmt::print(stderr, "ft-differential: internal error: {} (please report this)\n", error.what());
    return ft::differential::kExitFailed;
  }
}
