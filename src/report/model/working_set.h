// Working sets: how much of each subsystem's memory was used while the target ran, not merely
// there, and what that asks of the TLB. Part of the report model: bytes, nanoseconds, counts; what
// could not be had is empty, with the reason beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace ft::report::model {

// What each load of a working set takes more than one whose translation is at hand, between two
// patterns: line by line from end to end, and at random.
struct LookupCost {
  double misses_least = 0;  // walks a load
  double misses_most = 0;
  // Empty where the walk was not measured. With half the spread of the walk's time on either side.
  std::optional<double> ns_least;
  std::optional<double> ns_most;
};

// What a working set needs at one page size.
struct Translations {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  // Over what the TLB holds; empty where that is not known.
  std::optional<double> of_reach_least;
  std::optional<double> of_reach_most;
  std::optional<LookupCost> lookups;
};

// One row: of a subsystem, or of the whole process.
struct WorkingSetOf {
  std::string name;
  std::uint64_t peak_bytes = 0;
  std::uint64_t median_bytes = 0;  // over the scans
  Nanoseconds peak_at_ns = 0;
  Translations small;  // at the peak, in 4 KiB pages
  Translations large;  // and in 2 MiB pages
};

// One scan: what was referenced since the one before.
struct WorkingSetPoint {
  Nanoseconds ts = 0;
  Nanoseconds interval_ns = 0;
  std::vector<std::uint64_t> bytes;  // in the order of WorkingSets::subsystems
};

// What looking took. The bits are cleared under mmap_lock; evicting interrupts what runs on a CPU.
struct ScanCost {
  Nanoseconds median_ns = 0;
  Nanoseconds most_ns = 0;
  Nanoseconds total_ns = 0;
};

// How many translations of one page size the TLB holds.
struct TlbReach {
  std::optional<std::uint64_t> small_entries;  // 4 KiB, both levels' larger one
  std::optional<std::uint64_t> large_entries;  // 2 MiB
  std::optional<double> small_walk_ns;
  std::optional<double> large_walk_ns;
  std::optional<double> small_walk_spread;  // middle half over median
  std::optional<double> large_walk_spread;
  std::string source;              // "measured on AMD EPYC, 2026-11-23 04:30"
  std::vector<std::string> notes;  // what is missing of it, and why
};

struct WorkingSets {
  std::int32_t pid = 0;
  Nanoseconds asked_interval_ns = 0;
  Nanoseconds median_interval_ns = 0;
  std::uint64_t scans = 0;
  ScanCost scan;        // all of it
  ScanCost cleared;     // of it: writing clear_refs
  ScanCost evicted;     // of it: turning stale translations out of the CPUs' TLBs
  bool evicts = false;  // otherwise pages whose translation stayed in a TLB are missing
  std::vector<std::string> subsystems;
  std::vector<WorkingSetPoint> points;
  std::vector<WorkingSetOf> rows;  // by peak, largest first
  WorkingSetOf whole;              // all of the process at one moment: the peaks do not add up
  std::uint64_t shared_out = 0;    // of `whole`'s peak: areas with several owners
  std::uint64_t huge_at_peak = 0;  // of it mapped in 2 MiB pages, whose bit stands for all 2 MiB
  std::uint64_t untold_bytes = 0;  // most there ever was in pages of a hugetlb pool: no bits told
  std::optional<TlbReach> reach;   // "working_sets.reach"
  std::vector<std::string> notes;  // what the figures do and do not mean, in sentences
};

// ---- Counters ----

// What an event counted in a stretch of time.
struct CounterValue {
  // Empty: the event was not counted in that time at all.
  std::optional<std::uint64_t> count;
  double share_counted = 1;  // of the time; below 1 the count is scaled up
};

struct CounterPhase {
  std::string name;
  Nanoseconds start_ns = 0;
  Nanoseconds end_ns = 0;
  Nanoseconds late_ns = 0;           // how long after its end the counters were read
  std::vector<CounterValue> values;  // in the order of Counters::events
};

struct Counters {
  std::vector<std::string> events;   // "perf::DTLB-LOAD-MISSES"
  std::vector<std::string> refused;  // "perf::DTLB-LOADS: why"
  std::vector<CounterPhase> phases;
  CounterPhase whole;
};

}  // namespace ft::report::model
