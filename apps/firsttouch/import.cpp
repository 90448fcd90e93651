#include "command.h"

namespace ft::app {

void add_import(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("import");
  command->callback([&outcome] { outcome.exit_status = kExitFailed; });
}

}  // namespace ft::app
