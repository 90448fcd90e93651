// firsttouch map: the memory of a running or recorded process, by subsystem and by region.
#include <memory>
#include <string>
#include <vector>

#include "analysis/live_map.h"
#include "analysis/map_view.h"
#include "analysis/recorded_map.h"
#include "base/terminal.h"
#include "base/text.h"
#include "command.h"
#include "jvm/subsystem.h"
#include "live_findings.h"
#include "output.h"
#include "recording/reader.h"
#include "report/csv/memory_map.h"
#include "report/json/memory_map.h"
#include "report/text/memory_map.h"

namespace ft::app {

namespace {

struct MapArguments {
  std::string file;
  pid_t pid = 0;
  std::string at;
  std::string sort;
  std::string subsystem;
  std::string format = "table";
  std::string output;
  bool regions = false;
  bool ask_jvm = false;
  bool folios = false;
};

Result<report::model::MemoryMap> take(const MapArguments& arguments) {
  if (!arguments.file.empty()) {
    const auto reader = FT_TRY(recording::Reader::open(arguments.file));
    analysis::RecordedMapOptions options{.at = arguments.at, .pid = {}};
    if (arguments.pid != 0) options.pid = arguments.pid;
    return analysis::recorded_map(*reader, options);
  }
  analysis::LiveMap live = FT_TRY(analysis::LiveMap::open(
      arguments.pid, {.read_memory = true,
                      .ask_jvm = arguments.ask_jvm,
                      .folios = arguments.folios ? analysis::FoliosWanted::All
                                                 : analysis::FoliosWanted::WhereCheap,
                      .regions = arguments.regions || arguments.format == "json"}));
  report::model::MemoryMap map = FT_TRY(live.take(analysis::MapDetail::Full));
  const host::HostFiles files;
  const auto who = FT_TRY(host::identify_process(files, arguments.pid));
  map.findings = analysis::find(live_facts(&map, FT_TRY(read_process_facts(files, who))));
  return map;
}

std::string rendered(const report::model::MemoryMap& map, const MapArguments& arguments,
                     const Output& output) {
  if (arguments.format == "json") return report::json::render(map);
  if (arguments.format == "csv") {
    return report::csv::render(map, arguments.regions ? report::csv::MapTable::Regions
                                                      : report::csv::MapTable::Subsystems);
  }
  report::text::TextOptions options;
  if (output.is_stdout()) {
    options.width = terminal_width(1);
    if (colours_wanted(1)) options.colours = Styler::Colours::On;
  }
  return report::text::render(
      map, arguments.regions ? report::text::MapRegions::Yes : report::text::MapRegions::No,
      options);
}

Result<void> run(const MapArguments& arguments) {
  report::model::MemoryMap map = FT_TRY(take(arguments));
  Output output = FT_TRY(Output::open(arguments.output));
  const auto key = analysis::map_key_named(arguments.sort);
  analysis::sort_subsystems(map, key.value_or(analysis::MapKey::Resident));
  analysis::sort_regions(map, key.value_or(analysis::MapKey::Address));
  if (!arguments.subsystem.empty()) analysis::keep_subsystem(map, arguments.subsystem);
  output.write(rendered(map, arguments, output));
  return output.finish();
}

}  // namespace

void add_map(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "map", "Shows the memory of a running or recorded process, by subsystem and by region.");
  const auto arguments = std::make_shared<MapArguments>();
  CLI::Option* file =
      command->add_option("file", arguments->file, "The recording")->type_name("FILE");
  command
      ->add_option("-p,--pid", arguments->pid,
                   "The running process; with a recording: which of its processes")
      ->check(CLI::Range(1, 1 << 22))
      ->type_name("PID");
  command
      ->add_option("--at", arguments->at,
                   "With a recording: the moment, as 350ms or 1.5s after its start, or the name of "
                   "a phase, whose end it is (default: the end)")
      ->type_name("TIME|PHASE")
      ->needs(file);
  const std::vector<std::string> keys(analysis::kMapKeyNames.begin(), analysis::kMapKeyNames.end());
  command
      ->add_option("--sort", arguments->sort,
                   "Order of the rows, largest first (default: subsystems by resident, regions by "
                   "address)")
      ->check(CLI::IsMember(keys));
  const std::vector<std::string> names(jvm::kSubsystemNames.begin(), jvm::kSubsystemNames.end());
  command->add_option("--subsystem", arguments->subsystem, "Only the rows of this one")
      ->check(CLI::IsMember(names))
      ->type_name("NAME");
  command->add_flag("--regions", arguments->regions, "Every region, not the subsystems alone");
  command->add_flag("--ask-jvm", arguments->ask_jvm,
                    "Ask the running JVM for its own account too, which costs it memory: how much "
                    "is told");
  command->add_flag("--folios", arguments->folios,
                    "Sizes of folios also of a process with more than 4 GiB in small pages");
  command->add_option("--format", arguments->format, "table, json or csv")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
  command->add_option("-o,--output", arguments->output, "Write to this file instead")
      ->type_name("OUT");
  command->callback([arguments, &outcome] {
    if (arguments->file.empty() && arguments->pid == 0) {
      report_failure(outcome, {"map", "of which process?", "map -p PID, or map FILE"}, kExitUsage);
      return;
    }
    if (!arguments->file.empty() && arguments->ask_jvm) {
      report_failure(outcome, {"map", "a recording cannot be asked", "leave out --ask-jvm"},
                     kExitUsage);
      return;
    }
    if (auto done = run(*arguments); !done) report_failure(outcome, done.error());
  });
}

}  // namespace ft::app
