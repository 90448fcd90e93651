// LiveMap takes the memory map of a running process, once or again and again: by subsystem and by
// region, from /proc, from what mappings look like, and from the JVM's own data where it may be
// read. The target is not stopped, nothing runs in it, and no page of it is touched.
//
// Attribution is kept from one look to the next for as long as the mappings stay the same.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "event/faults_at.h"
#include "host/host_files.h"
#include "report/model/memory_map.h"

namespace ft::analysis {

enum class MapDetail : std::uint8_t {
  // maps and one walk of the page tables: reserved, committed, resident, huge, swapped, tables by
  // subsystem. No regions, no reconciliation. For looking once a second.
  Quick,
  // With smaps, numa_maps, smaps_rollup, status: every figure, regions, reconciliation.
  Full,
};

// A full look tells folios where the process's memory in pages mapped one by one is no more than
// this, and above it only where all of them are wanted: each takes a look at its frame.
inline constexpr std::uint64_t kMostForFolios = std::uint64_t{4} << 30U;

// Faults counted since the look before, for a quick look.
struct FaultCounts {
  std::span<const event::FaultsAt> places;  // by address
  std::uint64_t without_a_place = 0;
};

enum class FoliosWanted : std::uint8_t { WhereCheap, All };

struct LiveMapOptions {
  bool read_memory = true;  // the JVM's own data and malloc's; false: by /proc and shape alone
  // Each full look asks the JVM for its own account, which costs it memory.
  bool ask_jvm = false;
  FoliosWanted folios = FoliosWanted::WhereCheap;
  bool regions = true;  // in full looks: each region, besides the subsystems
};

class LiveMap {
 public:
  // Fails, in words for the user, where the process does not exist, is a kernel thread, is gone, or
  // may not be looked at.
  static Result<LiveMap> open(pid_t pid, const LiveMapOptions& options = {},
                              const host::HostFiles& files = host::HostFiles());
  LiveMap(LiveMap&&) noexcept;
  LiveMap& operator=(LiveMap&&) noexcept;
  ~LiveMap();

  // Asks the JVM now; quick looks tell its answer until it is asked again. Fails where it is none,
  // or does not answer.
  Result<void> ask_jvm();

  // What malloc has handed out, read from its lists, is added to a map: full looks do so by
  // themselves, but it is too dear for quick ones.
  void add_malloc_use(report::model::MemoryMap& map);

  // Fails where the process has ended meanwhile (what: "process N", why: "has ended"), and where
  // the JVM was to be asked and does not answer.
  Result<report::model::MemoryMap> take(MapDetail detail, const FaultCounts* faults = nullptr);

 private:
  struct State;
  explicit LiveMap(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ft::analysis
