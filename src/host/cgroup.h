// The memory control group of a process: its limits, use and events, version 1 and 2
// (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/host_files.h"
#include "host/number_table.h"

namespace ft::host {

// One line of /proc/PID/cgroup.
struct CgroupMembership {
  std::uint32_t hierarchy = 0;  // 0: version 2
  std::vector<std::string> controllers;
  std::string path;
};

Result<std::vector<CgroupMembership>> parse_cgroup(std::string_view text,
                                                   std::string_view name = "cgroup");

// One line of /proc/PID/mountinfo.
struct Mount {
  // As maps has it for files there; 0 where the line has no two numbers.
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::string root;  // the folder of the file system that is mounted
  std::string mount_point;
  std::string fs_type;
  std::string super_options;
};

Result<std::vector<Mount>> parse_mountinfo(std::string_view text,
                                           std::string_view name = "mountinfo");

// "max", or a number of bytes; version 1 says "no limit" with a number near 2^63. Empty: no limit.
Result<std::optional<std::uint64_t>> parse_memory_limit(std::string_view text,
                                                        std::string_view name = "memory.max");

// Where the files of the memory controller are for one process.
struct MemoryCgroupPlace {
  unsigned version = 0;
  std::string mount_point;
  std::string folder;  // the mount point itself, or a folder below it
};

// Fails where the process is gone or where no memory controller is mounted. `pid` "self" or a
// number.
Result<MemoryCgroupPlace> find_memory_cgroup(const HostFiles& files, const std::string& pid);

// Bytes. What the kernel does not tell is missing.
struct MemoryCgroup {
  unsigned version = 0;
  std::string folder;                       // where its files are
  std::optional<std::uint64_t> limit;       // the tightest of its own and its ancestors'
  std::optional<std::uint64_t> high;        // likewise; version 2: throttled above it
  std::optional<std::uint64_t> swap_limit;  // its own; version 1: memory and swap together
  std::optional<std::uint64_t> current;
  std::optional<std::uint64_t> peak;
  NumberTable events;  // version 2: low high max oom oom_kill; version 1: failcnt, oom_kill
};

// Fails as find_memory_cgroup() does.
Result<MemoryCgroup> read_memory_cgroup(const HostFiles& files, const std::string& pid);

}  // namespace ft::host
