#include "command.h"

namespace ft::app {

void add_doctor(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("doctor");
  command->callback([&outcome] { outcome.exit_status = kExitFailed; });
}

}  // namespace ft::app
