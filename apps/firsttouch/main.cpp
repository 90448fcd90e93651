// firsttouch: the command line. Each subcommand is wired in its own file.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "command.h"

namespace ft::app {

void report_failure(Outcome& outcome, const Error& error, int exit_status) {
  fmt::print(stderr, "firsttouch: {}\n", printable(error.message()));
  outcome.exit_status = exit_status;
}

namespace {

int run(int argc, char** argv) {
  CLI::App app(
      "Records what a starting JVM (or any process) asks of the kernel's memory management, and "
      "what each request really costs.",
      "firsttouch");
  app.set_version_flag("--version", "firsttouch " FT_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  firsttouch record -- java -Xmx8g -XX:+UseG1GC -jar app.jar\n"
      "  firsttouch report firsttouch.ft\n"
      "  firsttouch doctor\n"
      "\nman firsttouch has the whole story.");

  // What follows "--" is somebody else's command line: never ours to judge.
  const auto dashes = std::find_if(argv + 1, argv + argc,
                                   [](const char* word) { return std::string_view(word) == "--"; });
  const std::vector<std::string> target(dashes == argv + argc ? dashes : dashes + 1, argv + argc);
  const int own_argc = static_cast<int>(dashes - argv);

  Outcome outcome;
  add_record(app, outcome, target);
  add_report(app, outcome);
  add_diff(app, outcome);
  add_import(app, outcome);
  add_query(app, outcome);
  add_check(app, outcome);
  add_explain(app, outcome);
  add_map(app, outcome);
  add_validate(app, outcome);
  add_replay(app, outcome);
  add_calibrate(app, outcome);
  add_watch(app, outcome, target);
  add_doctor(app, outcome);

  try {
    app.parse(own_argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    fmt::print(stderr, "firsttouch: {} (firsttouch --help lists what there is)\n",
               printable(error.what()));
    return kExitUsage;
  }
  return outcome.exit_status;
}

}  // namespace

}  // namespace ft::app

int main(int argc, char** argv) {
  try {
    return ft::app::run(argc, argv);
  } catch (const std::exception& error) {
    // Nothing of ours throws; a library did.
    fmt::print(stderr, "firsttouch: internal error: {} (please report this)\n", error.what());
    return ft::app::kExitFailed;
  }
}
