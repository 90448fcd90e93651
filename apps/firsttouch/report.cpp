#include "command.h"

namespace ft::app {

void add_report(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("report");
  command->callback([&outcome] { outcome.exit_status = kExitFailed; });
}

}  // namespace ft::app
