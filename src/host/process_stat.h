// /proc/PID/stat: one line of numbers about a process or a thread (proc(5)).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ft::host {

// Clock ticks are sysconf(_SC_CLK_TCK) a second, pages 4 KiB.
struct ProcessStat {
  std::int32_t pid = 0;
  std::string name;  // may hold blanks and parentheses
  char state = '?';
  std::int32_t ppid = 0;
  std::uint64_t flags = 0;  // PF_*: include/linux/sched.h
  std::uint64_t minor_faults = 0;
  std::uint64_t children_minor_faults = 0;  // of children waited for
  std::uint64_t major_faults = 0;
  std::uint64_t children_major_faults = 0;
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::int64_t threads = 0;
  std::uint64_t start_ticks = 0;  // since the host's boot
  std::uint64_t vm_bytes = 0;
  std::int64_t rss_pages = 0;
};

Result<ProcessStat> parse_process_stat(std::string_view text, std::string_view name = "stat");

}  // namespace ft::host
