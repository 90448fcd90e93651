// /proc/PID/status: a process in named lines (Documentation/filesystems/proc.rst, table 1-2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::host {

// Sizes in bytes; a memory field is missing for kernel threads and for processes that are gone but
// not yet waited for. Unknown lines are skipped.
struct ProcessStatus {
  std::string name;  // escapes as the kernel writes them: \n and \\ for a newline and a backslash
  char state = '?';  // R S D T t Z X I
  std::int32_t tgid = 0;
  std::int32_t pid = 0;
  std::int32_t ppid = 0;
  std::int32_t tracer_pid = 0;
  std::vector<std::int32_t> ns_pids;  // NSpid: outermost first; more than one in a pid namespace
  std::uint32_t real_uid = 0;
  std::uint32_t effective_uid = 0;
  std::uint64_t threads = 0;
  std::optional<std::uint64_t> vm_peak;
  std::optional<std::uint64_t> vm_size;
  std::optional<std::uint64_t> vm_locked;
  std::optional<std::uint64_t> vm_pinned;
  std::optional<std::uint64_t> vm_hwm;  // peak of vm_rss
  std::optional<std::uint64_t> vm_rss;
  std::optional<std::uint64_t> rss_anon;
  std::optional<std::uint64_t> rss_file;
  std::optional<std::uint64_t> rss_shmem;
  std::optional<std::uint64_t> vm_data;
  std::optional<std::uint64_t> vm_stack;
  std::optional<std::uint64_t> vm_exe;
  std::optional<std::uint64_t> vm_lib;
  std::optional<std::uint64_t> vm_pte;  // page tables: PTE, PMD and PUD levels
  std::optional<std::uint64_t> vm_swap;
  std::optional<std::uint64_t> hugetlb_pages;
  std::optional<std::uint64_t> thp_enabled;     // 0: switched off for it by prctl(2)
  std::optional<std::uint64_t> no_new_privs;    // 1 or 0
  std::optional<std::uint64_t> seccomp;         // 0 off, 1 strict, 2 filter
  std::optional<std::uint64_t> effective_caps;  // bit per capability
  std::optional<std::uint64_t> caught_signals;  // bit N-1 per signal N
  std::optional<std::uint64_t> voluntary_switches;
  std::optional<std::uint64_t> involuntary_switches;
  std::string cpus_allowed;  // "0-1"
  std::string mems_allowed;  // "0"
};

Result<ProcessStatus> parse_status(std::string_view text, std::string_view name = "status");

}  // namespace ft::host
