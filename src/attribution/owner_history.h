// OwnerHistory answers "whose byte is this?" for any address at any time of a trace: it replays the
// mapping calls of every process and gives each piece of address space an owner, by the calling
// stack first, inherited along reserve -> commit -> split -> merge, then by file, shape and size
// (docs/attribution.md). It uses recorded facts only, never the live process.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/range.h"
#include "base/result.h"
#include "event/trace.h"
#include "jvm/subsystem.h"

namespace ft::attribution {

// By what a region's owner was decided; the strongest that applied.
enum class Evidence : std::uint8_t {
  None,         // Unknown
  Stack,        // a rule matched a frame of the calling stack
  Inherited,    // mapped inside a region that already had this owner
  File,         // the path mapped there
  ArenaShape,   // glibc arena: size, alignment and first mprotect
  ThreadStack,  // MAP_STACK, or holds the stack pointer of a thread's start
  ProcName,     // [heap], [stack], [vdso] in a snapshot
  Size,         // size and order among its neighbours
  Probe,        // named by a probe in the JVM (create_aux_memory_mapper)
  // Of running processes (attribution/live):
  JvmData,      // the JVM's own data, read in its memory
  LibcData,     // the C library's own data: malloc's headers, the threads' list
  Elimination,  // the JVM mapped it, and it is none of what is known
  Nmt,          // the JVM was asked: native memory tracking
  SystemMap,    // the JVM was asked: its names for the kernel's mappings
};

std::string_view name_of(Evidence evidence);

struct Owner {
  jvm::Subsystem subsystem = jvm::Subsystem::Unknown;
  Evidence evidence = Evidence::None;
  std::string detail;  // "arena 3", "profiled", "CDS objects"; empty where nothing finer is known
};

using OwnerId = std::uint32_t;  // index into OwnerHistory::owners()

// A piece of one process's address space that did not change from `from_ts` to `to_ts`.
struct Region {
  event::Pid pid = 0;
  AddressRange range;
  Nanoseconds from_ts = 0;
  Nanoseconds to_ts = event::kStillThere;
  std::uint32_t prot = 0;   // PROT_* bits
  std::uint32_t flags = 0;  // MAP_* bits of the call that made it
  bool committed = false;   // counts as committed: accessible, or made so by the JVM's commit
  OwnerId owner = 0;
  event::FileId file = event::kNoFile;
  std::int32_t made_by = -1;  // index into Trace::syscalls; -1: there before (exec, attach)
};

class OwnerHistory {
 public:
  // Never fails on a strange trace: what contradicts itself is left Unknown and listed in
  // contradictions().
  static OwnerHistory build(const event::Trace& trace);
  OwnerHistory(OwnerHistory&&) noexcept;
  OwnerHistory& operator=(OwnerHistory&&) noexcept;
  ~OwnerHistory();

  std::span<const Owner> owners() const;

  // All regions of all processes, by (pid, from_ts, start).
  std::span<const Region> regions() const;

  // The owner of the address in that process at that time; owner 0 (Unknown) where nothing was
  // mapped. Made for millions of calls with ts roughly rising.
  OwnerId owner_at(event::Pid pid, std::uint64_t address, Nanoseconds ts) const;
  const Region* region_at(event::Pid pid, std::uint64_t address, Nanoseconds ts) const;

  // What that process had mapped at that time, by address.
  std::vector<const Region*> regions_at(event::Pid pid, Nanoseconds ts) const;

  // The owner of what call number `index` of Trace::syscalls was about.
  OwnerId owner_of_syscall(std::size_t index) const;

  // "call 17: munmap of [..) that was never mapped"
  std::span<const std::string> contradictions() const;

 private:
  OwnerHistory();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ft::attribution
