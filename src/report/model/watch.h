// One refresh of `watch` as plain data: a process and the host it runs on, rates since the refresh
// before, and what the kernel will do next. Renderers lay it out; docs/watch.md says where each
// figure comes from.
//
// Units: bytes, events, per second. A figure that could not be had is empty, never zero, and
// `missing` says why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "report/model/finding.h"
#include "report/model/report.h"

namespace ft::report::model {

// One of the kernel's event counters.
struct Rate {
  std::string name;          // as the kernel calls it: "pgsteal_kswapd"
  std::string words;         // "reclaimed by kswapd"
  bool pages = false;        // counts 4 KiB pages; else events
  Known<Count> total;        // since boot; empty: this kernel has no such counter
  Known<Count> since_start;  // since the watch began
  Known<double> per_second;  // since the refresh before; empty in the first
};

struct RateGroup {
  std::string name;  // "reclaim"
  std::vector<Rate> rates;
};

struct PressureShare {
  double avg10 = 0;  // percent of the last 10, 60, 300 seconds
  double avg60 = 0;
  double avg300 = 0;
  Known<double> now;  // percent of the time since the refresh before
  Count total_us = 0;
};

struct MemoryPressure {
  Known<PressureShare> some;
  Known<PressureShare> full;
};

struct HostSizes {
  Known<Bytes> total;
  Known<Bytes> free;
  Known<Bytes> available;
  Known<Bytes> page_cache;  // Cached and Buffers, shared memory not among them
  Known<Bytes> shared;      // shared memory and tmpfs
  Known<Bytes> anonymous;
  Known<Bytes> anonymous_huge;
  Known<Bytes> slab;
  Known<Bytes> page_tables;
  Known<Bytes> dirty;
  Known<Bytes> committed;
  Known<Bytes> commit_limit;
  Known<Bytes> swap_total;
  Known<Bytes> swap_free;
};

// Bytes. Watermarks as zoneinfo prints them: with the boost.
struct ZoneView {
  std::uint32_t node = 0;
  std::string name;
  Bytes managed = 0;
  Bytes free = 0;
  Bytes on_cpu_lists = 0;  // free too, but not counted in `free`
  Bytes min = 0;
  Bytes low = 0;
  Bytes high = 0;
  Bytes boost = 0;
  Bytes reserve = 0;  // kept from requests for user pages, which could use a higher zone
  std::vector<Count> free_blocks;  // by order
  // By order, from -1 to 1: -1 a request would be met; towards 0 it fails for lack of memory,
  // towards 1 because of fragmentation.
  std::vector<double> fragmentation;
  std::vector<double> unusable;  // by order: share of the free memory in smaller blocks
};

struct NodeView {
  std::uint32_t node = 0;
  std::vector<Rate> rates;  // numa_hit ...
};

struct CgroupView {
  std::string path;
  Known<Bytes> limit;  // empty: none
  Known<Bytes> high;
  Known<Bytes> swap_limit;  // version 1: memory and swap together
  Known<Bytes> current;
  Known<Bytes> peak;
  Known<Bytes> swap_current;
  Known<Bytes> anonymous;
  Known<Bytes> reclaimable;  // page cache and slab that go before anything is killed
  Known<Bytes> to_limit;     // until the kernel reclaims within the group
  Known<Bytes> to_oom;       // until it kills: to_limit, reclaimable and the swap it may use
  std::vector<Rate> events;
  Known<MemoryPressure> pressure;
};

struct CgroupsView {
  unsigned version = 0;
  std::vector<CgroupView> levels;  // the process's own first
  Known<std::size_t> nearest;      // the level with the smallest to_oom
};

struct SubsystemView {
  std::string name;
  Bytes resident = 0;
  Known<Bytes> committed;
  Known<Bytes> huge;
  Known<Bytes> swapped;
  Known<double> growth_per_second;  // bytes; since the walk before
  Known<std::int64_t> since_start;  // bytes
  // Pages that came into memory since the walk before: each came by a fault of its own, or with its
  // neighbours by one. 4 KiB each.
  Known<double> new_pages_per_second;
  Known<Bytes> arrived;  // of them, bytes; what the rate is made of
  Known<double> faults_per_second;
  Known<Count> faults;  // since the walk before
};

struct SubsystemsView {
  std::vector<SubsystemView> rows;
  Known<Bytes> sum;         // of the rows
  Known<Nanoseconds> age;   // since the walk
  Known<Nanoseconds> cost;  // CPU time the walk took
  std::string evidence;     // how memory was told apart
  // Faults that are in no row: in memory that was unmapped before the walk, or not counted by place
  // as there were too many places.
  Known<Count> faults_elsewhere;
};

struct ProcessView {
  std::int32_t pid = 0;
  std::string name;
  std::uint32_t user = 0;
  char state = '?';
  bool ended = false;       // the figures are the last ones
  std::string ended_words;  // "ended", "exit status 0", "its pid belongs to another process now"
  Count threads = 0;
  Known<Bytes> resident;
  Known<Bytes> anonymous;
  Known<Bytes> file;
  Known<Bytes> shared;
  Known<Bytes> swapped;
  Known<Bytes> page_tables;
  Known<Bytes> mapped;
  Known<Bytes> peak;
  Known<double> growth_per_second;  // of resident
  Known<std::int64_t> since_start;  // of resident
  Count minor_faults = 0;
  Count major_faults = 0;
  Known<double> minor_per_second;
  Known<double> major_per_second;
  Known<double> cpu_share;  // of one core, 1 = 100 %
  Known<std::int64_t> oom_score;
  Known<std::int64_t> oom_score_adj;
  Known<Count> map_count;
  Known<Count> max_map_count;
  // smaps_rollup, which is read more rarely.
  Known<Bytes> proportional;
  Known<Bytes> anonymous_huge;
  Known<Bytes> lazy_free;
  Known<Bytes> locked;
  Known<Nanoseconds> rollup_age;
  Known<SubsystemsView> subsystems;
};

enum class Nearness : std::uint8_t { Far, Near, Now };

constexpr std::string_view name_of(Nearness nearness) {
  switch (nearness) {
    case Nearness::Far:
      return "far";
    case Nearness::Near:
      return "near";
    case Nearness::Now:
      return "now";
  }
  return "";
}

// One thing the kernel will do, and when, as far as it can be told from its own rules.
struct NextStep {
  std::string name;  // "kswapd", "direct_reclaim", "cgroup_oom": a contract with scripts
  Nearness nearness = Nearness::Far;
  Known<Bytes> distance;  // more memory until then; empty where it is not a matter of bytes
  std::string words;
};

struct Watch {
  Count sample = 1;             // counted from 1
  Nanoseconds realtime_ns = 0;  // since 1970
  Known<double> seconds;        // since the sample before
  HostSizes host;
  Known<MemoryPressure> pressure;
  std::vector<ZoneView> zones;
  std::vector<RateGroup> rates;
  std::vector<NodeView> nodes;
  Known<CgroupsView> cgroups;
  Known<ProcessView> process;
  std::vector<NextStep> next;  // nearest first
  std::vector<Finding> findings;
  std::vector<Missing> missing;
  Known<double> own_cpu_share;  // what watching costs, of one core
};

// What was before a command ran, and after it.
struct BeforeAfterRow {
  std::string name;   // "mem_free", "pgfault"
  std::string words;  // "free memory"
  std::string unit;   // "bytes", "pages", "events", "blocks"
  Known<Count> before;
  Known<Count> after;
  std::int64_t change = 0;  // REQUIRES: both known
};

struct BeforeAfter {
  std::vector<std::string> command;
  Known<int> exit_status;  // 128+N where signal N ended it
  Nanoseconds wall_ns = 0;
  Known<Bytes> peak_resident;
  Known<Count> minor_faults;
  Known<Count> major_faults;
  Known<Nanoseconds> user_ns;
  Known<Nanoseconds> system_ns;
  std::vector<BeforeAfterRow> rows;
};

}  // namespace ft::report::model
