// HostFacts: what kind of machine and kernel this is, as far as memory management cares. A
// recording keeps it as flat pairs ("host.kernel"), so that it can be read on another machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "host/cgroup.h"
#include "host/host_files.h"
#include "host/node_cpus.h"

namespace ft::host {

struct HugePool {
  std::uint64_t page_bytes = 0;
  std::uint64_t total = 0;  // pages; likewise below
  std::uint64_t free = 0;
  std::uint64_t reserved = 0;
  std::uint64_t surplus = 0;
  std::uint64_t overcommit = 0;
};

struct ThpSettings {
  std::string enabled;  // "always", "madvise", "never"; empty: the kernel has no THP
  std::string defrag;
  std::string shmem_enabled;
  std::string use_zero_page;
  // Per size, ascending: bytes and "always", "inherit", "madvise", "never" (since 6.8).
  std::vector<std::pair<std::uint64_t, std::string>> sizes;
};

// What could not be read is empty or missing.
struct HostFacts {
  std::string kernel;          // "6.18.44"
  std::string kernel_version;  // "#1 SMP ..."
  std::string architecture;    // "x86_64"
  std::string cpu_model;
  std::string cpu_vendor;
  std::string hypervisor;     // "yes" where the CPU says that it is a guest's
  std::uint64_t cpus = 0;     // online
  std::uint64_t cores = 0;    // distinct
  std::uint64_t sockets = 0;  // distinct
  std::uint64_t nodes = 1;    // online NUMA nodes
  NodeCpus node_cpus;
  std::uint64_t memory_bytes = 0;
  std::uint64_t available_bytes = 0;
  std::uint64_t swap_bytes = 0;
  std::uint64_t page_size = kPageSize;
  unsigned page_table_levels = 4;
  // Of the CPU: "pcid", "invpcid", "invlpgb", "pdpe1gb", "la57" as far as it has them.
  std::vector<std::string> paging_features;
  ThpSettings thp;
  std::vector<HugePool> huge_pools;
  std::optional<MemoryCgroup> cgroup;  // of this process
  std::string lockdown;                // "none", "integrity", "confidentiality"; empty: no such LSM
  std::string mglru;                   // bits of lru_gen/enabled; empty: not built in
  bool zswap = false;
  // By their names below /proc/sys with dots: ("vm.overcommit_memory", "0").
  std::vector<std::pair<std::string, std::string>> sysctls;

  // The value of one of `sysctls`, empty where it is not there.
  std::string_view sysctl(std::string_view name) const;
};

HostFacts read_host_facts(const HostFiles& files);

// Flat pairs for a recording's meta, every key starting with "host.". Values that are wholly
// decimal digits are numbers.
std::vector<std::pair<std::string, std::string>> flatten(const HostFacts& facts);

}  // namespace ft::host
