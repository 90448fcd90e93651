// firsttouch validate FILE: the model against a recording, line by line.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/text.h"
#include "command.h"
#include "output.h"
#include "recording/reader.h"
#include "sim/cost/forecast.h"
#include "sim/profile/machines.h"
#include "sim/replay/validation.h"
#include "sim/whatif/figures.h"
#include "time_output.h"

namespace ft::app {

namespace {

namespace replay = sim::replay;

struct ValidateArguments {
  std::string file;
  std::string format = "text";
  std::size_t most = 10;
  std::string machine;  // whose costs times are compared with; empty: no times
};

constexpr std::size_t kTitleWidth = 42;

replay::Aspect aspect_at(std::size_t index) {
  return static_cast<replay::Aspect>(index);
}

std::string tally_line(replay::Aspect aspect, const replay::Tally& tally) {
  const std::string title(replay::title_of(aspect));
  if (tally.compared == 0) return fmt::format("{:<{}}  not compared\n", title, kTitleWidth);
  return fmt::format("{:<{}}  {} of {}{}\n", title, kTitleWidth, grouped(tally.agreed),
                     grouped(tally.compared), tally.agreed == tally.compared ? "" : "  differs");
}

std::string as_text(const replay::ValidateResult& result) {
  std::string text;
  for (std::size_t i = 0; i < replay::kAspectCount; ++i) {
    text += tally_line(aspect_at(i), result.tallies[i]);
  }
  for (std::size_t i = 0; i < replay::kAspectCount; ++i) {
    std::uint64_t shown = 0;
    for (const replay::Disagreement& line : result.disagreements) {
      if (line.aspect != aspect_at(i)) continue;
      if (shown++ == 0) text += fmt::format("\n{}:\n", replay::title_of(aspect_at(i)));
      text += fmt::format("  {}: {}: recorded {}, model {}\n",
                          replay::place_of(line.stream, line.number, line.ts), printable(line.what),
                          printable(line.recorded), printable(line.model));
    }
  }
  if (!result.contradictions.empty()) text += "\nThe recording contradicts itself:\n";
  for (const replay::Contradiction& line : result.contradictions) {
    text += fmt::format("  {}: {}\n", replay::place_of(line.stream, line.number, line.ts),
                        printable(line.what));
  }
  if (!result.estimated.empty()) text += "\nNot recorded, and assumed:\n";
  for (const std::string& line : result.estimated) text += fmt::format("  {}\n", printable(line));
  text += fmt::format("\n{} events replayed", grouped(result.steps));
  if (result.reordered != 0) {
    text +=
        fmt::format(", {} calls put before others they overlapped with", grouped(result.reordered));
  }
  if (result.lost_races != 0) {
    text += fmt::format(", {} faults served by another thread's", grouped(result.lost_races));
  }
  return text + (result.agrees() ? ": the model agrees.\n" : ": the model does not agree.\n");
}

nlohmann::ordered_json tallies_json(const replay::ValidateResult& result) {
  nlohmann::ordered_json tallies = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < replay::kAspectCount; ++i) {
    tallies[std::string(replay::name_of(aspect_at(i)))] = {
        {"agreed", result.tallies[i].agreed},
        {"compared", result.tallies[i].compared},
        {"estimated", replay::is_estimated(aspect_at(i))}};
  }
  return tallies;
}

nlohmann::ordered_json as_json(const replay::ValidateResult& result) {
  nlohmann::ordered_json root;
  root["format"] = 1;
  root["agrees"] = result.agrees();
  root["events"] = result.steps;
  root["aspects"] = tallies_json(result);
  root["reordered_calls"] = result.reordered;
  root["lost_races"] = result.lost_races;
  root["disagreements"] = nlohmann::ordered_json::array();
  for (const replay::Disagreement& line : result.disagreements) {
    root["disagreements"].push_back({{"aspect", std::string(replay::name_of(line.aspect))},
                                     {"stream", std::string(replay::name_of(line.stream))},
                                     {"number", line.number},
                                     {"ts", line.ts},
                                     {"what", line.what},
                                     {"recorded", line.recorded},
                                     {"model", line.model}});
  }
  root["contradictions"] = nlohmann::ordered_json::array();
  for (const replay::Contradiction& line : result.contradictions) {
    root["contradictions"].push_back({{"stream", std::string(replay::name_of(line.stream))},
                                      {"number", line.number},
                                      {"ts", line.ts},
                                      {"what", line.what}});
  }
  root["estimated"] = result.estimated;
  return root;
}

// What the machine's costs make of what was recorded.
Result<sim::cost::Basis> times_of(const replay::Material& material, const std::string& machine) {
  const sim::profile::MachineProfile profile = FT_TRY(sim::profile::load_machine(machine));
  if (profile.costs.cost_ns.empty() && profile.costs.recorded_ns.empty()) {
    return fail("--machine " + machine, "it has no costs to compare times with",
                "firsttouch calibrate writes a machine file that has");
  }
  return sim::cost::Basis(sim::whatif::recorded_work(material), profile.costs);
}

Result<int> run(const ValidateArguments& arguments) {
  const std::unique_ptr<recording::Reader> reader = FT_TRY(recording::Reader::open(arguments.file));
  const replay::Material material = FT_TRY(replay::Material::load(*reader));
  const replay::ValidateResult result =
      replay::validate(material, {.keep_per_aspect = arguments.most});
  std::optional<sim::cost::Basis> times;
  if (!arguments.machine.empty()) times = FT_TRY(times_of(material, arguments.machine));
  std::string text;
  if (arguments.format == "json") {
    nlohmann::ordered_json root = as_json(result);
    if (times) root["time"] = what_if::time_json(*times, nullptr);
    constexpr bool kAsciiOnly = true;
    text = root.dump(2, ' ', kAsciiOnly, nlohmann::json::error_handler_t::replace) + "\n";
  } else {
    text = as_text(result) + (times ? what_if::time_text(*times, nullptr) : "");
  }
  Output output = FT_TRY(Output::open({}));
  output.write(text);
  FT_TRY_VOID(output.finish());
  return result.agrees() ? kExitDone : kExitNo;
}

}  // namespace

void add_validate(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "validate", "Compares the model of the kernel with what was recorded, line by line.");
  const auto arguments = std::make_shared<ValidateArguments>();
  command->add_option("file", arguments->file, "The recording")->required()->type_name("FILE");
  command->add_option("--format", arguments->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_option("--most", arguments->most, "How many disagreements of a kind to list")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  command
      ->add_option("--machine", arguments->machine,
                   "Whose costs kernel mm time is compared with: a name or a file")
      ->type_name("NAME|FILE");
  command->footer("Exit status 1: the model and the recording disagree.");
  command->callback([arguments, &outcome] {
    const Result<int> done = run(*arguments);
    if (done) {
      outcome.exit_status = *done;
    } else {
      const bool wrong_usage = done.error().what.starts_with("--");
      report_failure(outcome, done.error(), wrong_usage ? kExitUsage : kExitFailed);
    }
  });
}

}  // namespace ft::app
