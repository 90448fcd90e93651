// The memory control groups above a process, one by one: a limit of any of them applies to it
// (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/host_files.h"
#include "host/number_table.h"
#include "host/pressure.h"

namespace ft::host {

// Bytes. What the kernel does not tell, or what does not read as it should, is missing; `problems`
// has the latter. An optional limit that is empty is no limit.
struct CgroupLevel {
  std::string path;                         // below the mount point: "/", "/system.slice/app"
  std::optional<std::uint64_t> limit;       // the kernel reclaims, then kills
  std::optional<std::uint64_t> high;        // version 2: throttles above it
  std::optional<std::uint64_t> swap_limit;  // version 1: memory and swap together
  std::optional<std::uint64_t> current;     // of the group and all below it
  std::optional<std::uint64_t> peak;
  std::optional<std::uint64_t> swap_current;  // version 1: memory and swap together
  // Version 2: low high max oom oom_kill oom_group_kill; version 1: failcnt under_oom oom_kill
  // oom_kill_disable.
  NumberTable events;
  NumberTable stat;  // memory.stat, as each version names things
  std::optional<Pressure> pressure;
  std::vector<Error> problems;
};

struct CgroupLevels {
  unsigned version = 0;
  std::vector<CgroupLevel> levels;  // the process's own first, the mount point's last
};

// Fails where the process is gone or where no memory controller is mounted.
Result<CgroupLevels> read_cgroup_levels(const HostFiles& files, const std::string& pid);

// What memory.stat says the group and those below it could give up without swap: page cache without
// shared memory, and slab caches that shrink. Nothing where it does not say.
std::optional<std::uint64_t> reclaimable_bytes(const CgroupLevel& level, unsigned version);

// Anonymous memory by the same file.
std::optional<std::uint64_t> anonymous_bytes(const CgroupLevel& level, unsigned version);

}  // namespace ft::host
