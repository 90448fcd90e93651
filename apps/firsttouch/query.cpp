#include "command.h"

namespace ft::app {

void add_query(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("query");
  command->callback([&outcome] { outcome.exit_status = kExitFailed; });
}

}  // namespace ft::app
