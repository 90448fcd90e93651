// HostMemory is one look at everything the host's memory management says about itself without
// privileges: sizes, event counters, zones with their watermarks, free lists, pressure, NUMA
// placement. A look takes well under a millisecond.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "host/buddyinfo.h"
#include "host/host_files.h"
#include "host/number_table.h"
#include "host/pressure.h"
#include "host/zoneinfo.h"

namespace ft::host {

struct NodeCounters {
  std::uint32_t node = 0;
  NumberTable numastat;  // numa_hit numa_miss numa_foreign interleave_hit local_node other_node
};

// Settings the kernel acts by. What this kernel does not have is empty.
struct MemorySettings {
  std::string thp_enabled;  // "always", "madvise", "never"
  std::string thp_defrag;
  std::optional<std::uint64_t> overcommit_memory;  // 2: commitments are limited
  std::optional<std::uint64_t> max_map_count;      // mappings a process may have
  std::optional<std::uint64_t> extfrag_threshold;  // thousandths; compaction above it
  std::optional<std::uint64_t> node_reclaim;       // not 0: reclaim before another node is used
};

MemorySettings read_memory_settings(const HostFiles& files);

// What could not be read is empty, and `problems` says why.
struct HostMemory {
  Nanoseconds at = 0;   // CLOCK_MONOTONIC
  NumberTable meminfo;  // bytes
  NumberTable vmstat;   // pages or events since boot
  std::vector<Zone> zones;
  std::vector<FreeBlocks> free_blocks;
  std::optional<Pressure> pressure;  // of memory; missing where the kernel has no PSI
  std::vector<NodeCounters> nodes;
  MemorySettings settings;
  std::vector<Error> problems;
};

HostMemory read_host_memory(const HostFiles& files, Nanoseconds now);

}  // namespace ft::host
