// Anything as a machine file.
#include "base/check.h"
#include "sim/profile/machine_file.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto machine = ft::sim::profile::parse_machine(text, "fuzz.toml");
  if (!machine) {
    FT_CHECK(machine.error().what.starts_with("fuzz.toml") && !machine.error().why.empty());
    return 0;
  }
  FT_CHECK(!machine->topology.nodes().empty() && machine->fragmented >= 0);
  FT_CHECK(ft::sim::profile::memory_start(*machine, "6.12").has_value());
  return 0;
}
