#include "host_counters.h"

#include <array>
#include <string_view>

#include "base/fd.h"
#include "host/host_files.h"
#include "host/number_table.h"

namespace ft::differential {

namespace {

// mm/vmstat.c, include/linux/vm_event_item.h. Not thp_collapse_alloc: MADV_COLLAPSE of a program
// counts there too.
constexpr std::array<std::string_view, 13> kWatched = {"thp_fault_fallback",
                                                       "thp_collapse_alloc_failed",
                                                       "thp_zero_page_alloc_failed",
                                                       "pswpin",
                                                       "pswpout",
                                                       "pgsteal_kswapd",
                                                       "pgsteal_direct",
                                                       "pgsteal_khugepaged",
                                                       "pgmigrate_success",
                                                       "numa_pages_migrated",
                                                       "numa_hint_faults",
                                                       "oom_kill",
                                                       "drop_pagecache"};

constexpr std::string_view kCollapsed =
    "/sys/kernel/mm/transparent_hugepage/khugepaged/pages_collapsed";

}  // namespace

Result<std::vector<HostCounter>> read_host_counters() {
  const host::HostFiles files;
  const std::string text = FT_TRY(files.read("/proc/vmstat"));
  const host::NumberTable vmstat = FT_TRY(host::parse_counters(text));
  std::vector<HostCounter> counters;
  for (const std::string_view name : kWatched)
    counters.push_back({std::string(name), vmstat.value_or(name, 0)});
  counters.push_back({"khugepaged/pages_collapsed", files.number(kCollapsed).value_or(0)});
  return counters;
}

std::string moved(const std::vector<HostCounter>& before, const std::vector<HostCounter>& after) {
  std::string names;
  for (std::size_t i = 0; i < before.size() && i < after.size(); ++i) {
    if (before[i].value == after[i].value) continue;
    if (!names.empty()) names += ", ";
    names += before[i].name;
  }
  return names;
}

}  // namespace ft::differential
