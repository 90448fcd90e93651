// JvmView is what a recording shows of the JVM that was started: its heap, the structures that its
// collector keeps beside it, its code cache. Flags change these.
//
// G1 only: other collectors lay out, commit and touch their structures in other ways.
//
// Source: recordings of OpenJDK 17.0 and 25.0 with every flag of jvm_flag.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "base/range.h"
#include "base/result.h"
#include "sim/whatif/draft.h"

namespace ft::sim::whatif {

// A reservation, and by which call it was made.
struct Structure {
  jvm::Subsystem owner = jvm::Subsystem::Unknown;
  AddressRange range;
  std::size_t call = 0;  // index into Draft::calls()
};

struct JvmView {
  event::Pid pid = 0;
  // Reserves with MAP_FIXED_NOREPLACE, as JDK 25 does and JDK 17 does not: tells the two manners of
  // everything else apart.
  bool newer = false;
  Structure heap;
  std::size_t initial_commit = 0;   // the call that made -Xms of the heap usable
  std::uint64_t initial_bytes = 0;  // -Xms, or what the JVM chose
  std::uint64_t region_bytes =
      0;  // G1's: from the maximum alone (HeapRegion::setup_heap_region_size)
  std::vector<Structure> side_tables;  // card table, block offset table, card counts, mark bitmaps
  std::vector<Structure> others;       // "GC other"
  std::vector<Structure> code;         // all of the code cache's, segment maps too

  std::uint64_t max_regions() const { return heap.range.size() / region_bytes; }
  // Bytes that G1FromCardCache has for each region where `other` is it: a number for each worker,
  // in whole cache lines. 0: it is something else, the mark stack.
  std::uint64_t card_cache_bytes_per_region(const Structure& other) const;

  // Errors: no JVM, another collector than G1, a backend that recorded no faults.
  static Result<JvmView> of(Draft& draft);
};

}  // namespace ft::sim::whatif
