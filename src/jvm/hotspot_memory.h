// HotSpotMemory is where a running JVM keeps what, by its own data: heap, code cache, CDS archive,
// class space, metaspace, the collectors' tables, the stacks of Java threads.
//
// Two sources of different strength. What VmStructs describes is exact in every release. A few
// structures it does not describe are reached from there, or from a symbol, and recognised by their
// shape: a pointer to an object that holds an address range of exactly the size expected; where the
// shape is not found, nothing is said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/range.h"
#include "event/event.h"
#include "jvm/subsystem.h"
#include "jvm/vm_structs.h"

namespace ft::jvm {

struct HotSpotRange {
  AddressRange range;
  Subsystem subsystem = Subsystem::Unknown;
  std::string detail;
};

struct HotSpotThread {
  event::Tid tid = 0;
  AddressRange stack;         // without a guard page of the C library's
  std::uint64_t pthread = 0;  // the C library's own object for it
};

struct HotSpotMemory {
  std::string version;    // "17.0.15+6"; empty where it could not be read
  std::string collector;  // "G1", "Z", "Parallel", "Serial", "Shenandoah", "Epsilon"; or empty
  std::vector<HotSpotRange> ranges;    // later ones lie over earlier ones
  std::vector<HotSpotThread> threads;  // Java threads, the JVM's own compilers included
  bool attach_disabled = false;        // -XX:+DisableAttachMechanism: it answers nobody
  // Part of what should be there could not be read: a JVM that starts or ends, pages in swap.
  bool complete = true;
};

// `symbol` finds exported names and, where the file has them, local ones.
HotSpotMemory read_hotspot_memory(const VmStructs& structs, const FindSymbol& symbol,
                                  const ReadMemory& memory);

}  // namespace ft::jvm
