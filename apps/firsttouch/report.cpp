// firsttouch report FILE: what the recorded start asked of memory management, and what it cost.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/analyse.h"
#include "base/terminal.h"
#include "command.h"
#include "html_page.h"
#include "output.h"
#include "perfetto.h"
#include "recording/reader.h"
#include "report/csv/csv.h"
#include "report/folded/folded.h"
#include "report/json/json.h"
#include "report/strace/print.h"
#include "report/text/text.h"
#include "tlb_reach.h"

namespace ft::app {

namespace {

struct ReportArguments {
  std::vector<std::string> files;
  std::string format = "text";
  std::string output;
  std::string table = "subsystems";
  std::size_t top = 10;
  std::string machine;  // whose TLB working sets are held against; empty: nobody's
};

Result<void> print_strace(event::EventSource& source, Output& output) {
  const event::Trace trace = FT_TRY(source.trace());
  report::strace::print(trace, [&](std::string_view text) { return output.write(text); });
  return output.finish();
}

std::string rendered(const report::model::Report& report, const ReportArguments& arguments,
                     const Output& output) {
  if (arguments.format == "json") return report::json::render(report);
  if (arguments.format == "csv") {
    return report::csv::render(report, *report::csv::table_named(arguments.table));
  }
  report::text::TextOptions options;
  if (output.is_stdout()) {
    options.width = terminal_width(1);
    if (colours_wanted(1)) options.colours = Styler::Colours::On;
  }
  return report::text::render(report, options);
}

Result<void> run(const ReportArguments& arguments) {
  if (arguments.format == "html") {
    const std::span<const std::string> files = arguments.files;
    return print_html(files.first(1), files.subspan(1), arguments.top, arguments.output);
  }
  if (arguments.files.size() > 1) {
    return fail("report", "several recordings in one report are for --format html");
  }
  const std::unique_ptr<recording::Reader> reader =
      FT_TRY(recording::Reader::open(arguments.files.front()));
  Output output = FT_TRY(Output::open(arguments.output));
  if (arguments.format == "strace") return print_strace(*reader, output);
  analysis::AnalyseOptions options;
  options.top = arguments.top;
  report::model::Report report = FT_TRY(analysis::analyse(*reader, options));
  if (!arguments.machine.empty()) FT_TRY_VOID(add_reach(arguments.machine, report));
  if (arguments.format == "perfetto") {
    FT_TRY_VOID(print_perfetto(*reader, report,
                               [&](std::string_view bytes) { return output.write(bytes); }));
  } else if (arguments.format == "folded") {
    output.write(FT_TRY(report::folded::render(report)));
  } else {
    output.write(rendered(report, arguments, output));
  }
  return output.finish();
}

}  // namespace

void add_report(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "report", "Tells where a recorded start's time and memory went, as text or for programs.");
  const auto arguments = std::make_shared<ReportArguments>();
  command->add_option("file", arguments->files, "The recording; with html, a second one beside it")
      ->required()
      ->expected(1, 2)
      ->type_name("FILE");
  command
      ->add_option("--format", arguments->format,
                   "text, json, csv, html, perfetto, folded or strace")
      ->check(CLI::IsMember({"text", "json", "csv", "html", "perfetto", "folded", "strace"}))
      ->capture_default_str();
  command->add_option("-o,--output", arguments->output, "Write to this file instead")
      ->type_name("OUT");
  command->add_option("--top", arguments->top, "How many of the longest calls and faults to list")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  command
      ->add_option("--machine", arguments->machine,
                   "Hold working sets against the TLB of this machine: a file that firsttouch "
                   "calibrate wrote, or a name")
      ->type_name("NAME|FILE");
  const std::vector<std::string> tables(report::csv::kTableNames.begin(),
                                        report::csv::kTableNames.end());
  command->add_option("--table", arguments->table, "With csv: which table")
      ->check(CLI::IsMember(tables))
      ->capture_default_str();
  command->callback([arguments, &outcome] {
    if (auto done = run(*arguments); !done) report_failure(outcome, done.error());
  });
}

}  // namespace ft::app
