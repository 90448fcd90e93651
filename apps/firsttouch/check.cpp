// firsttouch check FILE: whether a recording keeps the invariants and reconciles with the kernel's
// own figures.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "analysis/analyse.h"
#include "analysis/invariants.h"
#include "base/text.h"
#include "command.h"
#include "output.h"
#include "recording/reader.h"

namespace ft::app {

namespace {

using analysis::CheckResult;
using analysis::Rule;
using analysis::Violation;

struct CheckArguments {
  std::string file;
  std::string format = "text";
  std::size_t most = 10;
};

std::string place_of(const Violation& violation) {
  if (violation.stream.empty()) return {};
  return fmt::format("{} {} at {}: ", violation.stream, violation.number,
                     human_duration(violation.ts));
}

std::string as_text(const CheckResult& result, const report::model::Report* report) {
  std::string text;
  for (const Violation& violation : result.violations) {
    text += fmt::format("{}: {}{}\n", analysis::name_of(violation.rule), place_of(violation),
                        printable(violation.what));
  }
  std::uint64_t total = 0;
  for (std::size_t rule = 0; rule < analysis::kRuleCount; ++rule) {
    total += result.counts[rule];
    std::uint64_t shown = 0;
    for (const Violation& v : result.violations) shown += v.rule == static_cast<Rule>(rule) ? 1 : 0;
    if (result.counts[rule] > shown) {
      text += fmt::format("{}: and {} more\n", analysis::name_of(static_cast<Rule>(rule)),
                          grouped(result.counts[rule] - shown));
    }
  }
  text += fmt::format("{} events checked, {}", grouped(result.events),
                      total == 0 ? "nothing wrong" : grouped(total) + " things wrong");
  if (report) {
    std::size_t agreeing = 0;
    std::size_t compared = 0;
    for (const auto& line : report->reconcile) {
      agreeing += line.agrees ? 1 : 0;
      compared += line.comparable ? 1 : 0;
    }
    text += fmt::format("; {} of {} cross-checks agree", agreeing, compared);
  }
  text += ".\n";
  for (std::size_t i = 0; report && i < report->reconcile.size(); ++i) {
    const auto& line = report->reconcile[i];
    if (!line.comparable) text += fmt::format("{}: {}\n", line.what, printable(line.note));
  }
  return text;
}

std::string as_json(const CheckResult& result, const report::model::Report* report) {
  nlohmann::ordered_json root;
  root["format"] = 1;
  root["clean"] = result.clean();
  root["events"] = result.events;
  root["counts"] = nlohmann::ordered_json::object();
  for (std::size_t rule = 0; rule < analysis::kRuleCount; ++rule) {
    root["counts"][std::string(analysis::name_of(static_cast<Rule>(rule)))] = result.counts[rule];
  }
  root["violations"] = nlohmann::ordered_json::array();
  for (const Violation& violation : result.violations) {
    root["violations"].push_back({{"rule", std::string(analysis::name_of(violation.rule))},
                                  {"stream", violation.stream},
                                  {"number", violation.number},
                                  {"ts", violation.ts},
                                  {"what", violation.what}});
  }
  root["reconcile"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; report && i < report->reconcile.size(); ++i) {
    const auto& line = report->reconcile[i];
    root["reconcile"].push_back({{"what", line.what},
                                 {"recorded", line.recorded},
                                 {"kernel", line.kernel},
                                 {"agrees", line.comparable ? nlohmann::ordered_json(line.agrees)
                                                            : nlohmann::ordered_json(nullptr)},
                                 {"note", line.note}});
  }
  constexpr bool kAsciiOnly = true;
  return root.dump(2, ' ', kAsciiOnly, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<int> run(const CheckArguments& arguments) {
  const std::unique_ptr<recording::Reader> reader = FT_TRY(recording::Reader::open(arguments.file));
  analysis::CheckOptions options;
  options.keep_per_rule = arguments.most;
  CheckResult result = FT_TRY(analysis::check_invariants(*reader, options));
  // A stream that breaks off leaves nothing to reconcile; it has been told above.
  const auto report = analysis::analyse(*reader);
  if (report) analysis::check_report(*report, options, result);
  Output output = FT_TRY(Output::open({}));
  const report::model::Report* shown = report ? &*report : nullptr;
  output.write(arguments.format == "json" ? as_json(result, shown) : as_text(result, shown));
  FT_TRY_VOID(output.finish());
  return result.clean() ? kExitDone : kExitNo;
}

}  // namespace

void add_check(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "check", "Says whether a recording is whole, consistent and true to the kernel's figures.");
  const auto arguments = std::make_shared<CheckArguments>();
  command->add_option("file", arguments->file, "The recording")->required()->type_name("FILE");
  command->add_option("--format", arguments->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_option("--most", arguments->most, "How many violations of each rule to print")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->callback([arguments, &outcome] {
    const auto status = run(*arguments);
    if (status)
      outcome.exit_status = *status;
    else
      report_failure(outcome, status.error());
  });
}

}  // namespace ft::app
