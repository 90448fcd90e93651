// Sources: for cores, sim/tlb/cores.cpp; sizes and CPU numbers as Linux reports them for such
// servers; distances as their firmware has them (lscpu, numactl --hardware). Memory is what such
// servers are often bought with.
#include <array>

#include "sim/profile/machines.h"

namespace ft::sim::profile {

namespace {

struct BuiltIn {
  std::string_view name;
  std::string_view text;
};

constexpr std::array kBuiltIn = {
    BuiltIn{"document", R"(name = "document"
description = "2 nodes of 8 CPUs and 8 GiB, distance 10/21"
source = "the machine of an analysis of HotSpot's start; its core is not told: Skylake-SP assumed"
distances = [[10, 21], [21, 10]]
[[node]]
memory = "8G"
cpus = "0-7"
[[node]]
memory = "8G"
cpus = "8-15"
[tlb]
core = "skylake-sp"
)"},
    BuiltIn{"cascade-lake-2s", R"(name = "cascade-lake-2s"
description = "2 x Xeon Platinum 8280: 2 nodes of 56 CPUs and 192 GiB"
source = "cores and threads: vendor; distances: firmware's usual 10/21; memory: an example"
distances = [[10, 21], [21, 10]]
[[node]]
memory = "192G"
cpus = "0-27,56-83"
[[node]]
memory = "192G"
cpus = "28-55,84-111"
[tlb]
core = "skylake-sp"
)"},
    BuiltIn{"sapphire-rapids-2s", R"(name = "sapphire-rapids-2s"
description = "2 x Xeon Platinum 8480+: 2 nodes of 112 CPUs and 512 GiB"
source = "cores and threads: vendor; distances: firmware's usual 10/21; memory: an example"
distances = [[10, 21], [21, 10]]
[[node]]
memory = "512G"
cpus = "0-55,112-167"
[[node]]
memory = "512G"
cpus = "56-111,168-223"
[tlb]
core = "sapphire-rapids"
)"},
    BuiltIn{"milan-2s-nps4", R"(name = "milan-2s-nps4"
description = "2 x EPYC 7763 with four nodes a socket: 8 nodes of 32 CPUs and 64 GiB"
source = "cores and threads: vendor; distances: firmware's usual 10/12/32; memory: an example"
distances = [
  [10, 12, 12, 12, 32, 32, 32, 32],
  [12, 10, 12, 12, 32, 32, 32, 32],
  [12, 12, 10, 12, 32, 32, 32, 32],
  [12, 12, 12, 10, 32, 32, 32, 32],
  [32, 32, 32, 32, 10, 12, 12, 12],
  [32, 32, 32, 32, 12, 10, 12, 12],
  [32, 32, 32, 32, 12, 12, 10, 12],
  [32, 32, 32, 32, 12, 12, 12, 10]]
[[node]]
memory = "64G"
cpus = "0-15,128-143"
[[node]]
memory = "64G"
cpus = "16-31,144-159"
[[node]]
memory = "64G"
cpus = "32-47,160-175"
[[node]]
memory = "64G"
cpus = "48-63,176-191"
[[node]]
memory = "64G"
cpus = "64-79,192-207"
[[node]]
memory = "64G"
cpus = "80-95,208-223"
[[node]]
memory = "64G"
cpus = "96-111,224-239"
[[node]]
memory = "64G"
cpus = "112-127,240-255"
[tlb]
core = "zen3"
)"},
    BuiltIn{"genoa-2s", R"(name = "genoa-2s"
description = "2 x EPYC 9654: 2 nodes of 192 CPUs and 384 GiB"
source = "cores and threads: vendor; distances: firmware's usual 10/32; memory: an example"
distances = [[10, 32], [32, 10]]
[[node]]
memory = "384G"
cpus = "0-95,192-287"
[[node]]
memory = "384G"
cpus = "96-191,288-383"
[tlb]
core = "zen4"
)"},
};

constexpr std::array kKnown = {
    KnownMachine{"host", "this host as it stands: nodes, free blocks, settings"},
    KnownMachine{"document", "2 nodes of 8 CPUs and 8 GiB, distance 10/21"},
    KnownMachine{"cascade-lake-2s", "2 x Xeon Platinum 8280: 2 nodes of 56 CPUs and 192 GiB"},
    KnownMachine{"sapphire-rapids-2s", "2 x Xeon Platinum 8480+: 2 nodes of 112 CPUs and 512 GiB"},
    KnownMachine{"milan-2s-nps4",
                 "2 x EPYC 7763 with four nodes a socket: 8 nodes of 32 CPUs and "
                 "64 GiB"},
    KnownMachine{"genoa-2s", "2 x EPYC 9654: 2 nodes of 192 CPUs and 384 GiB"},
};

}  // namespace

std::span<const KnownMachine> known_machines() {
  return kKnown;
}

std::string_view built_in(std::string_view name) {
  for (const BuiltIn& machine : kBuiltIn) {
    if (machine.name == name) return machine.text;
  }
  return {};
}

}  // namespace ft::sim::profile
