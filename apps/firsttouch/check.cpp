#include "command.h"

namespace ft::app {

void add_check(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("check");
  command->callback([&outcome] { outcome.exit_status = kExitFailed; });
}

}  // namespace ft::app
