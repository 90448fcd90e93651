#include <fmt/format.h>

#include "base/fd.h"
#include "base/text.h"
#include "sim/profile/machine_file.h"
#include "sim/profile/machines.h"

namespace ft::sim::profile {

Result<MachineProfile> load_machine(const std::string& name_or_file) {
  if (name_or_file == "host") return probe_host(host::HostFiles());
  if (const std::string_view text = built_in(name_or_file); !text.empty()) {
    return parse_machine(text, name_or_file);
  }
  if (name_or_file.find_first_of("./") == std::string::npos) {
    std::string known;
    for (const KnownMachine& machine : known_machines()) known += fmt::format("{}, ", machine.name);
    return fail(
        fmt::format("--machine {}", printable(name_or_file)), "no such machine",
        fmt::format("allowed: {}or a file, such as ./{}.toml", known, printable(name_or_file)));
  }
  const std::string text = FT_TRY(read_file(name_or_file));
  return parse_machine(text, name_or_file);
}

}  // namespace ft::sim::profile
