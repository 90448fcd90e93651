// firsttouch diff BEFORE AFTER: what changed between two recordings, or two groups of them.
#include <memory>
#include <string>
#include <vector>

#include "analysis/analyse.h"
#include "analysis/difference.h"
#include "base/terminal.h"
#include "command.h"
#include "html_page.h"
#include "output.h"
#include "recording/reader.h"
#include "report/json/difference.h"
#include "report/text/difference.h"

namespace ft::app {

namespace {

struct DiffArguments {
  std::vector<std::string> files;
  std::vector<std::string> before;
  std::vector<std::string> after;
  std::string format = "text";
  std::string output;
  std::size_t top = 10;
};

Result<std::vector<analysis::NamedReport>> analysed(const std::vector<std::string>& files) {
  std::vector<analysis::NamedReport> reports;
  for (const std::string& file : files) {
    const auto reader = FT_TRY(recording::Reader::open(file));
    reports.push_back({file, FT_TRY(analysis::analyse(*reader))});
  }
  return reports;
}

// The two FILEs are the first run of each group.
Result<void> sort_files(DiffArguments& arguments) {
  const std::vector<std::string>& files = arguments.files;
  if (files.size() == 2) {
    arguments.before.insert(arguments.before.begin(), files[0]);
    arguments.after.insert(arguments.after.begin(), files[1]);
  }
  if (files.size() == 1 || arguments.before.empty() || arguments.after.empty()) {
    return fail("diff", "two recordings are needed, one of each side",
                "firsttouch diff BEFORE.ft AFTER.ft, or --before FILE... --after FILE...");
  }
  return {};
}

Result<void> run(DiffArguments& arguments) {
  if (arguments.format == "html") {
    return print_html(arguments.before, arguments.after, arguments.top, arguments.output);
  }
  const auto before = FT_TRY(analysed(arguments.before));
  const auto after = FT_TRY(analysed(arguments.after));
  const report::model::Difference difference = analysis::difference_of(before, after);
  Output output = FT_TRY(Output::open(arguments.output));
  if (arguments.format == "json") {
    output.write(report::json::render(difference));
  } else {
    report::text::TextOptions options;
    if (output.is_stdout()) {
      options.width = terminal_width(1);
      if (colours_wanted(1)) options.colours = Styler::Colours::On;
    }
    output.write(report::text::render_difference(difference, options, arguments.top));
  }
  return output.finish();
}

}  // namespace

void add_diff(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "diff", "Tells what changed between two recordings, by part of the JVM and by cause.");
  const auto arguments = std::make_shared<DiffArguments>();
  command->add_option("files", arguments->files, "The recording before, and the one after")
      ->expected(0, 2)
      ->type_name("BEFORE AFTER");
  command->add_option("--before", arguments->before, "More runs of what was before")
      ->type_name("FILE");
  command->add_option("--after", arguments->after, "More runs of what is now")->type_name("FILE");
  command->add_option("--format", arguments->format, "text, json or html")
      ->check(CLI::IsMember({"text", "json", "html"}))
      ->capture_default_str();
  command->add_option("-o,--output", arguments->output, "Write to this file instead")
      ->type_name("OUT");
  command->add_option("--top", arguments->top, "How many rows of each kind to show")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  firsttouch diff plain.ft thp.ft\n"
      "  firsttouch diff --before plain1.ft plain2.ft plain3.ft --after thp1.ft thp2.ft thp3.ft\n");
  command->callback([arguments, &outcome] {
    if (auto sorted = sort_files(*arguments); !sorted) {
      return report_failure(outcome, sorted.error(), kExitUsage);
    }
    if (auto done = run(*arguments); !done) report_failure(outcome, done.error());
  });
}

}  // namespace ft::app
