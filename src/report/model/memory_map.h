// The memory map as plain data: what a process had mapped at one moment, by subsystem and by
// region. Renderers lay out; every figure, sum and remark comes from here. What each means and
// where it comes from: docs/map.md.
//
// A figure that could not be had is empty, never zero; `missing` says why under the name of the
// figure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/range.h"
#include "report/model/finding.h"
#include "report/model/report.h"

namespace ft::report::model {

struct NodeBytes {
  std::uint32_t node = 0;
  Bytes bytes = 0;
};

// Resident bytes in folios of one size: what the kernel allocates, reclaims and moves as one.
struct FolioBytes {
  Bytes size = 0;  // 4 KiB to 2 MiB
  Bytes bytes = 0;
};

// Of one region, of a subsystem, or of the whole. `resident` is the kernel's count (smaps: Rss and
// hugetlb pages), in which a page that is mapped at two places counts twice; `mapped_again` is the
// part of it that is a second, third ... sight of a file page counted already. What really is in
// memory is resident - mapped_again: once().
struct MapFigures {
  Bytes reserved = 0;   // address space
  Bytes committed = 0;  // of it, accessible in any way
  Known<Bytes> resident;
  Known<Bytes> mapped_again;
  Known<Bytes> dirty;
  Known<Bytes> huge;     // mapped by PMD entries (or PUD: hugetlb)
  Known<Bytes> swapped;  // in swap, or on its way
  Known<Bytes> shared;   // resident, mapped by other processes too
  Known<Bytes> pss;
  Known<Bytes> tables;           // page-table pages, each with the lowest address that needs it
  Known<Count> faults;           // recordings: so far; watch: since the look before
  Known<Bytes> arrived;          // resident, and not at the look before; watch alone looks again
  std::vector<NodeBytes> nodes;  // resident bytes by NUMA node, ascending; empty: not known
  // Resident bytes by size of the folio, ascending, those of sizes that occur; empty: not known, or
  // nothing is resident.
  std::vector<FolioBytes> folios;

  Known<Bytes> once() const {
    if (!resident) return std::nullopt;
    return *resident - mapped_again.value_or(0);
  }
};

struct MapRegion {
  AddressRange range;
  std::string prot;            // "rw-p"
  std::string_view subsystem;  // static storage: one of jvm::kSubsystemNames
  std::string detail;          // "arena 3", "profiled"; may hold any bytes
  std::string_view evidence;   // static storage; docs/map.md lists them
  std::string name;            // of the kernel: a path, "[heap]"; may hold any bytes
  MapFigures figures;
};

struct MapSubsystem {
  std::string_view name;
  Count regions = 0;
  MapFigures figures;
};

// The JVM was asked for its own account. What that cost it is the difference between the figures
// before and after, with whatever else it did meanwhile.
struct JvmAsked {
  std::vector<std::string> commands;
  Known<Bytes> nmt_reserved;  // empty: it keeps no account
  Known<Bytes> nmt_committed;
  Bytes resident_before = 0;
  Bytes resident_after = 0;
  Count threads_before = 0;
  Count threads_after = 0;
};

struct MemoryMap {
  std::int32_t pid = 0;
  bool live = true;  // false: of a recording
  // Live: nanoseconds since 1970. Recording: since its start.
  Nanoseconds taken_at = 0;
  std::string moment;   // recording: "end snapshot", "phase init"; live: empty
  std::string command;  // the program's name; may hold any bytes
  std::string jvm;      // "HotSpot 17.0.15+6, G1"; empty: no JVM was found in it

  std::vector<MapSubsystem> subsystems;  // those that have anything, in the order of their names
  std::vector<MapRegion> regions;        // by address; empty where they were not asked for
  Count areas = 0;                       // the kernel's own mappings (VMAs)
  MapFigures total;

  std::optional<JvmAsked> asked;
  // What malloc has handed out and not got back, and in how many arenas beside the main one.
  Known<Bytes> c_heap_used;
  Known<Count> c_heap_arenas;
  Known<Count> faults_elsewhere;  // watch: since the look before, in memory that is no more
  // Of the memory in huge pages, what holds anything but zeroes, scaled from a sample of them.
  Known<Bytes> huge_used;
  std::vector<ReconcileLine> reconcile;
  std::vector<std::string> notes;  // remarks in plain words
  std::vector<Finding> findings;   // all of them, with their state; empty: not looked for
  std::vector<Missing> missing;
};

}  // namespace ft::report::model
