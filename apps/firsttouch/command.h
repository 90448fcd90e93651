// Every subcommand lives in a file of its own and adds itself to the command line here. A command
// reports its end through Outcome; main() turns that into the process's exit status.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace ft::app {

// Exit statuses other than record's (which are the target's own): a contract, see docs/cli.md.
inline constexpr int kExitDone = 0;
inline constexpr int kExitNo = 1;  // the answer is "no": check, validate, doctor found a problem
inline constexpr int kExitUsage = 2;
inline constexpr int kExitFailed = 125;
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;

struct Outcome {
  int exit_status = kExitDone;
};

// Prints "firsttouch: what: why (what to do)" on stderr and sets the exit status.
void report_failure(Outcome& outcome, const Error& error, int exit_status = kExitFailed);

// `target`: the words after "--".
void add_record(CLI::App& app, Outcome& outcome, std::vector<std::string> target);
void add_report(CLI::App& app, Outcome& outcome);
void add_diff(CLI::App& app, Outcome& outcome);
void add_import(CLI::App& app, Outcome& outcome);
void add_query(CLI::App& app, Outcome& outcome);
void add_check(CLI::App& app, Outcome& outcome);
void add_explain(CLI::App& app, Outcome& outcome);
void add_map(CLI::App& app, Outcome& outcome);
void add_validate(CLI::App& app, Outcome& outcome);
void add_replay(CLI::App& app, Outcome& outcome);
void add_calibrate(CLI::App& app, Outcome& outcome);
void add_watch(CLI::App& app, Outcome& outcome, std::vector<std::string> target);
void add_doctor(CLI::App& app, Outcome& outcome);

}  // namespace ft::app
