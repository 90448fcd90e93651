// Findings on a running process, from its map and from what else /proc says, without asking the
// JVM.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/findings/findings.h"
#include "host/host_files.h"
#include "host/process_memory.h"
#include "report/model/memory_map.h"

namespace ft::app {

// What findings need of a process besides its map; empty: not known.
struct ProcessFacts {
  host::CommandWords words;
  std::optional<std::vector<std::uint32_t>> cpu_nodes;  // of the CPUs it may run on
  std::optional<std::uint32_t> only_node;               // where the host has a single one
  std::optional<std::uint64_t> resident;
  std::optional<std::uint64_t> threads;
  std::optional<std::uint64_t> map_count;
  std::optional<std::uint64_t> max_map_count;
  std::optional<std::uint64_t> host_memory;
  std::optional<std::optional<std::uint64_t>> cgroup_limit;  // inner empty: there is none
};

// Fails where the process is gone.
Result<ProcessFacts> read_process_facts(const host::HostFiles& files,
                                        const host::ProcessIdentity& who);

// `map` may be nullptr: it could not be taken.
analysis::FindingFacts live_facts(const report::model::MemoryMap* map, const ProcessFacts& process);

}  // namespace ft::app
