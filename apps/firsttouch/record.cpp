#include "command.h"

namespace ft::app {

void add_record(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("record");
  command->callback([&outcome] { outcome.exit_status = kExitFailed; });
}

}  // namespace ft::app
