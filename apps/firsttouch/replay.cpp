// firsttouch replay FILE: what a recorded start would do under another configuration.
#include "replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "attribution/owner_history.h"
#include "base/text.h"
#include "command.h"
#include "output.h"
#include "recording/reader.h"
#include "recording/writer.h"
#include "sim/profile/machines.h"
#include "sim/replay/model_source.h"

namespace ft::app {

namespace {

namespace profile = sim::profile;
namespace replay = sim::replay;
namespace whatif = sim::whatif;

struct ReplayArguments {
  std::string file;
  std::vector<std::string> settings;
  std::vector<std::string> jvm_flags;
  std::vector<std::string> sweeps;
  std::string machine;  // a name or a file; empty: the recorded one
  std::string core;     // empty: the machine's
  std::string format = "text";
  std::string output;
};

class OwnerParts final : public whatif::Parts {
 public:
  explicit OwnerParts(const event::Trace& trace)
      : history_(attribution::OwnerHistory::build(trace)) {}
  jvm::Subsystem at(event::Pid pid, std::uint64_t address, Nanoseconds ts) const override {
    return history_.owners()[history_.owner_at(pid, address, ts)].subsystem;
  }
  jvm::Subsystem of_call(std::size_t index) const override {
    return history_.owners()[history_.owner_of_syscall(index)].subsystem;
  }

 private:
  attribution::OwnerHistory history_;
};

std::unique_ptr<whatif::Parts> parts_of(const event::Trace& trace) {
  return std::make_unique<OwnerParts>(trace);
}

using Machine = std::shared_ptr<const profile::MachineProfile>;

Result<Machine> machine_of(const std::string& name_or_file) {
  return std::make_shared<const profile::MachineProfile>(
      FT_TRY(profile::load_machine(name_or_file)));
}

Result<whatif::Scenario> scenario_of(const ReplayArguments& arguments) {
  whatif::Scenario scenario;
  if (!arguments.machine.empty()) scenario.use_machine(FT_TRY(machine_of(arguments.machine)));
  for (const std::string& setting : arguments.settings) FT_TRY_VOID(scenario.set(setting));
  for (const std::string& flag : arguments.jvm_flags) FT_TRY_VOID(scenario.add_jvm_flag(flag));
  return scenario;
}

// --- sweeps ------------------------------------------------------------------------------------

struct Axis {
  std::string key;  // "thp", or "-Xms"
  std::vector<std::string> values;
};

Result<Axis> axis_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  Axis axis{.key = text.substr(0, equals), .values = {}};
  if (equals != std::string::npos) {
    for (const std::string_view value : split(std::string_view(text).substr(equals + 1), ',')) {
      axis.values.emplace_back(value);
    }
  }
  if (axis.values.empty() || axis.values.front().empty()) {
    return fail("--sweep " + text, "no KEY=VALUE,VALUE", "--sweep thp=always,madvise,never");
  }
  return axis;
}

// A key of --set; or machine; or -Xms, with a size; or a flag of the JVM, with + and -.
Result<void> apply_value(const std::string& key, const std::string& value,
                         whatif::Scenario& scenario) {
  if (key == "-Xms") return scenario.add_jvm_flag(key + value);
  if (key == "machine") {
    scenario.use_machine(FT_TRY(machine_of(value)));
    return {};
  }
  if (key.starts_with("-XX:")) {
    if (value != "+" && value != "-") {
      return fail("--sweep " + key, "'" + value + "' is no value of a flag", "allowed: +,-");
    }
    return scenario.add_jvm_flag("-XX:" + value + key.substr(4));
  }
  return scenario.set(key + "=" + value);
}

struct Plan {
  std::vector<std::string> keys;
  std::vector<what_if::SweepLine> lines;
  std::vector<whatif::Scenario> scenarios;
};

Result<Plan> plan_of(const ReplayArguments& arguments) {
  constexpr std::size_t kMostLines = 10'000;
  Plan plan;
  plan.lines.emplace_back();
  plan.scenarios.push_back(FT_TRY(scenario_of(arguments)));
  for (const std::string& text : arguments.sweeps) {
    const Axis axis = FT_TRY(axis_of(text));
    plan.keys.push_back(axis.key);
    Plan wider{.keys = plan.keys, .lines = {}, .scenarios = {}};
    if (plan.lines.size() * axis.values.size() > kMostLines) {
      return fail("--sweep " + axis.key, fmt::format("more than {} combinations", kMostLines));
    }
    for (std::size_t i = 0; i < plan.lines.size(); ++i) {
      for (const std::string& value : axis.values) {
        what_if::SweepLine line{.values = plan.lines[i].values, .prediction = {}, .time = {}};
        line.values.push_back(value);
        whatif::Scenario scenario = plan.scenarios[i];
        FT_TRY_VOID(apply_value(axis.key, value, scenario));
        wider.lines.push_back(std::move(line));
        wider.scenarios.push_back(std::move(scenario));
      }
    }
    plan = std::move(wider);
  }
  return plan;
}

// One scenario at a time on each core.
Result<void> predict_all(const replay::Material& material, Plan& plan) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::optional<Error>> errors(plan.lines.size());
  const auto work = [&] {
    for (std::size_t i = next++; i < plan.lines.size(); i = next++) {
      auto prediction = whatif::predict(material, plan.scenarios[i], parts_of);
      if (prediction) {
        plan.lines[i].prediction = std::move(*prediction);
      } else {
        errors[i] = prediction.error();
      }
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    for (std::size_t i = 1; i < std::min(cores, plan.lines.size()); ++i) others.emplace_back(work);
    work();
  }
  for (std::optional<Error>& error : errors) {
    if (error) return std::unexpected(std::move(*error));
  }
  return {};
}

// By machine, for each has costs of its own; nullptr: none was named.
using Bases = std::map<const profile::MachineProfile*, sim::cost::Basis>;

Bases add_times(const whatif::Figures& before, Plan& plan) {
  Bases bases;
  for (std::size_t i = 0; i < plan.lines.size(); ++i) {
    const profile::MachineProfile* machine = plan.scenarios[i].wishes().machine.get();
    const profile::MachineCosts costs = machine ? machine->costs : profile::MachineCosts{};
    const auto basis = bases.try_emplace(machine, before.time, costs).first;
    what_if::SweepLine& line = plan.lines[i];
    line.time = sim::cost::forecast(basis->second, line.prediction.figures.time.work);
  }
  return bases;
}

// --- the recording of what was predicted ---------------------------------------------------------

Result<void> copy(event::EventSource& source, event::EventSink& sink) {
  const event::Trace trace = FT_TRY(source.trace());
  for (const auto& [key, value] : trace.meta) sink.on_meta(key, value);
  for (std::size_t i = 0; i < trace.files.size(); ++i) {
    sink.on_file(static_cast<event::FileId>(i), trace.files[i]);
  }
  for (std::size_t i = 0; i < trace.stacks.size(); ++i) {
    sink.on_stack(static_cast<event::StackId>(i), trace.stacks[i]);
  }
  for (const event::Process& process : trace.processes) sink.on_process(process);
  for (const event::Thread& thread : trace.threads) sink.on_thread(thread);
  sink.on_syscalls(trace.syscalls);
  FT_TRY_VOID(source.faults([&](std::span<const event::Fault> batch) { sink.on_faults(batch); }));
  FT_TRY_VOID(source.tlb_flushes(
      [&](std::span<const event::TlbFlush> batch) { sink.on_tlb_flushes(batch); }));
  for (const event::Phase& phase : trace.phases) sink.on_phase(phase);
  for (const event::Snapshot& snapshot : trace.snapshots) sink.on_snapshot(snapshot);
  for (const event::Loss& loss : trace.losses) sink.on_loss(loss);
  return {};
}

Result<void> write_recording(const replay::Material& material, const whatif::Scenario& scenario,
                             const std::string& path) {
  whatif::Notes notes;
  replay::Material changed = FT_TRY(whatif::changed(material, scenario, parts_of, notes));
  // What the kernel counted was of the other run; the model has no breakpoints in it.
  std::erase_if(changed.trace.meta, [](const auto& entry) {
    return entry.first.starts_with("blind.") || entry.first.starts_with("probe.uprobe.") ||
           entry.first == "target.minflt" || entry.first == "target.majflt" ||
           entry.first == "target.maxrss_kb";
  });
  replay::ModelSource model = replay::ModelSource::make(changed);
  const std::unique_ptr<recording::Writer> writer =
      FT_TRY(recording::Writer::create(path, {}, recording::Pace::Plain));
  if (auto copied = copy(model, *writer); !copied) {
    writer->abandon();
    return copied;
  }
  return writer->finish();
}

// --- the command
// -----------------------------------------------------------------------------------

bool is_wrong_usage(const Error& error) {
  return error.what.starts_with("--") || error.what.starts_with("TLB geometry");
}

std::string dump(const nlohmann::ordered_json& json) {
  constexpr bool kAsciiOnly = true;
  return json.dump(2, ' ', kAsciiOnly, nlohmann::json::error_handler_t::replace) + "\n";
}

// Whose TLB is told of.
Result<sim::tlb::Geometry> core_of(const ReplayArguments& arguments,
                                   const whatif::Scenario& scenario) {
  if (arguments.core.empty() && scenario.wishes().machine) return scenario.wishes().machine->tlb;
  return sim::tlb::core_named(arguments.core.empty() ? "sapphire-rapids" : arguments.core);
}

std::string machine_list() {
  std::string text;
  for (const profile::KnownMachine& machine : profile::known_machines()) {
    text += fmt::format("{:<20}{}\n", machine.name, machine.description);
  }
  return text + "or a file: docs/machine.md\n";
}

Result<std::string> answer(const ReplayArguments& arguments) {
  Plan plan = FT_TRY(plan_of(arguments));
  const sim::tlb::Geometry core = FT_TRY(core_of(arguments, plan.scenarios.front()));
  const std::unique_ptr<recording::Reader> reader = FT_TRY(recording::Reader::open(arguments.file));
  const replay::Material material = FT_TRY(replay::Material::load(*reader));
  const bool json = arguments.format == "json";
  FT_TRY_VOID(predict_all(material, plan));
  const whatif::Figures before = whatif::figures_of_recording(material, parts_of);
  const Bases bases = add_times(before, plan);
  if (!plan.keys.empty()) {
    return json ? dump(what_if::sweep_json(plan.keys, plan.lines))
                : what_if::sweep_text(plan.keys, plan.lines);
  }
  if (!arguments.output.empty()) {
    FT_TRY_VOID(write_recording(material, plan.scenarios.front(), arguments.output));
  }
  what_if::SweepLine& line = plan.lines.front();
  const what_if::Before recorded{before, bases.begin()->second};
  const what_if::Answer after{std::move(line.prediction), std::move(line.time)};
  return json ? dump(what_if::as_json(recorded, after, core))
              : what_if::as_text(recorded, after, core);
}

Result<void> run(const ReplayArguments& arguments) {
  if (arguments.machine != "list" && arguments.file.empty()) {
    return fail("--machine", "no recording to replay", "firsttouch replay FILE");
  }
  const std::string text = arguments.machine == "list" ? machine_list() : FT_TRY(answer(arguments));
  Output output = FT_TRY(Output::open({}));
  output.write(text);
  return output.finish();
}

std::string footer() {
  std::string text = "Keys of --set:\n";
  for (const whatif::SettingKind& kind : whatif::setting_kinds()) {
    text += fmt::format("  {}={}\n      {}\n", kind.key, kind.allowed, kind.meaning);
  }
  text += "Flags of --jvm (G1):\n";
  for (const whatif::JvmFlagKind& kind : whatif::jvm_flag_kinds()) {
    text += fmt::format("  {}\n      {}\n", kind.flag, kind.meaning);
  }
  return text +
         "Examples:\n"
         "  firsttouch replay run.ft --jvm -XX:+UseTransparentHugePages\n"
         "  firsttouch replay run.ft --set thp.64kB=always -o predicted.ft\n"
         "  firsttouch replay run.ft --machine document --set numa.policy=interleave\n"
         "  firsttouch replay run.ft --sweep thp=always,madvise,never --sweep -Xms=1g,4g";
}

}  // namespace

void add_replay(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "replay", "Predicts what a recorded start would do under another configuration.");
  const auto arguments = std::make_shared<ReplayArguments>();
  command->add_option("file", arguments->file, "The recording")->type_name("FILE");
  command
      ->add_option("--machine", arguments->machine,
                   "The machine it runs on: a name, a file, or list to see the names")
      ->type_name("NAME|FILE");
  command->add_option("--set", arguments->settings, "A setting of the host")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  command->add_option("--jvm", arguments->jvm_flags, "A flag of the JVM")
      ->type_name("FLAG")
      ->expected(1)
      ->take_all();
  CLI::Option* sweep = command
                           ->add_option("--sweep", arguments->sweeps,
                                        "A row for each value; repeated: for each "
                                        "combination")
                           ->type_name("KEY=A,B")
                           ->expected(1)
                           ->take_all();
  command
      ->add_option("--core", arguments->core,
                   "Whose TLB the reach is told of (default: the machine's, or sapphire-rapids)")
      ->type_name("NAME");
  command->add_option("--format", arguments->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command
      ->add_option("-o,--output", arguments->output,
                   "Writes what was predicted as a recording, which every other command reads")
      ->type_name("FILE")
      ->excludes(sweep);
  command->footer(footer());
  command->callback([arguments, &outcome] {
    if (auto done = run(*arguments); !done) {
      report_failure(outcome, done.error(),
                     is_wrong_usage(done.error()) ? kExitUsage : kExitFailed);
    }
  });
}

}  // namespace ft::app
