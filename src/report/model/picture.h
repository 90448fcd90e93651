// The picture: what a page that draws a recording needs beyond the report, as plain data. Its sums
// are the report's: page faults of all cells add up to FaultStats::count, the stages' time to
// KernelMm.
//
// Large things are bounded, whatever was recorded: single faults are kept as long as there are few,
// then aggregated into cells of address and time; regions and calls beyond a limit are left out,
// smallest first, and counted. What each figure means: docs/html-report.md.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "report/model/report.h"

namespace ft::report::model {

// Somebody memory belongs to; regions, cells and calls refer to it by index.
struct PictureOwner {
  std::string subsystem;
  std::string detail;  // may hold any bytes
  std::string evidence;
};

struct PictureThread {
  std::int32_t tid = 0;
  std::int32_t pid = 0;
  std::string name;  // may hold any bytes
  Nanoseconds start_ns = 0;
  Known<Nanoseconds> end_ns;
};

// A piece of the subject's address space that did not change from `from_ts` to `to_ts`.
struct PictureRegion {
  std::uint64_t start = 0;
  Bytes size = 0;
  Nanoseconds from_ts = 0;
  Known<Nanoseconds> to_ts;  // empty: still there at the end
  std::uint32_t owner = 0;
  std::uint32_t rights = 0;  // PROT_* bits
  bool committed = false;
  std::int32_t file = -1;  // index into Picture::files
  Count call = 0;          // that made it, as in SQL; 0: there before
};

// One page fault, or several that are alike: of one thread, kind and owner, in one aligned block of
// 2^order pages, within Picture::cell_ns of each other. With pages from a call (MAP_POPULATE,
// mlock), a cell that is no fault.
struct TouchCell {
  Nanoseconds ts = 0;        // of the first
  Known<Nanoseconds> until;  // when its pages were given back; empty: never
  Nanoseconds total_ns = 0;
  Nanoseconds max_ns = 0;
  std::uint64_t start = 0;  // of the block
  Count pages = 0;          // 4 KiB pages that came
  Count faults = 0;
  std::uint32_t thread = 0;  // index into Picture::threads; as many as those: not known
  std::uint32_t owner = 0;
  std::uint8_t order = 0;
  std::uint8_t kind = 0;   // index into Picture::fault_kinds
  bool of_subject = true;  // false: of another process; drawn in no map
};

// A memory call, as the timeline shows it.
struct PictureCall {
  Count id = 0;
  Nanoseconds ts = 0;
  Known<Nanoseconds> dur_ns;
  Nanoseconds net_ns = 0;  // without the faults inside it
  std::uint32_t thread = 0;
  std::uint32_t owner = 0;
  std::uint8_t stage = 0;  // index into Picture::stages
  bool failed = false;
  std::string name;
  std::string words;  // "reserve 8.0 GiB at 0x600000000"
  std::uint64_t address = 0;
  Bytes length = 0;
};

// What memory goes through, and what each step of that cost: "reserve", "commit", "touch", ...
struct Stage {
  std::string name;
  std::string words;  // one sentence: what it is
  Count count = 0;    // calls; page faults where it is "touch"
  Known<Nanoseconds> ns;
  Bytes bytes = 0;  // lengths of the successful calls; pages that came
};

struct PathStep {
  std::string function;  // of the kernel
  std::string text;      // what it decided, with the values
};

// The way one of Report::calls took through the kernel, by the model.
struct NarratedCall {
  Count id = 0;
  std::vector<PathStep> steps;
};

// Counts over time: bins of `bin_ns`, the first from 0. Sparse: (bin, row, count).
struct TimeCounts {
  struct Entry {
    std::uint32_t bin = 0;
    std::uint32_t row = 0;
    Count count = 0;
  };
  Nanoseconds bin_ns = 0;
  std::vector<std::string> rows;
  std::vector<Entry> entries;
};

// Fault latency over time: row = kind * kLatencySteps + step; step n holds durations of
// [2^(n/2), 2^((n+1)/2)) ns, the first one also 0.
inline constexpr std::uint32_t kLatencySteps = 80;

struct PictureEvent {  // of Waits and the rarer events
  Nanoseconds ts = 0;
  Nanoseconds dur_ns = 0;
  std::uint32_t thread = 0;
  std::string kind;  // "direct reclaim"
  std::uint64_t value = 0;
  std::uint32_t detail = 0;
};

// One page of PMD entries: what maps 1 GiB.
struct PageDirectory {
  struct Part {
    std::uint32_t owner = 0;  // any of the subsystem's
    Count pte_tables = 0;     // each counted with the lowest page that needs it
    Count pages = 0;          // touched
    Count huge = 0;           // blocks of 2 MiB mapped as one
  };
  std::uint64_t start = 0;
  std::vector<Part> parts;
};

struct FreeList {
  std::string moment;  // "exec", "end"
  Nanoseconds ts = 0;
  std::uint32_t node = 0;
  std::string zone;
  std::vector<Count> blocks_by_order;
};

struct NodePlacement {
  std::string subsystem;
  std::vector<std::pair<std::uint32_t, Bytes>> bytes_by_node;
};

struct Picture {
  Nanoseconds end_ns = 0;  // of everything recorded
  std::vector<PictureOwner> owners;
  std::vector<PictureThread> threads;
  std::vector<std::string> files;
  std::vector<std::string>
      fault_kinds;  // those of FaultStats::classes, and one for what calls brought

  std::vector<PictureRegion> regions;  // by from_ts
  Count regions_left_out = 0;
  std::vector<TouchCell> cells;    // by ts
  Nanoseconds cell_ns = 0;         // how long a cell may span; 0: every fault is there by itself
  unsigned cell_order = 0;         // how large a cell of single pages may be
  std::vector<PictureCall> calls;  // by ts
  Count calls_left_out = 0;
  std::vector<Stage> stages;
  std::vector<NarratedCall> narrated;
  std::string not_narrated;  // why, where there are none

  Known<TimeCounts> latency;      // "faults"
  Known<TimeCounts> allocations;  // rows are orders; "page_allocs"
  Known<TimeCounts> flushes;      // rows are reasons; "tlb_flushes"
  std::vector<PictureEvent> events;
  Count events_left_out = 0;
  Known<std::vector<PageDirectory>> tables;  // "page_tables.by_level"
  std::vector<FreeList> free_lists;
  std::vector<NodePlacement> placement;
  std::vector<Missing>
      missing;  // what of the picture could not be had: "free_lists", "tables", ...
};

}  // namespace ft::report::model
