// What `jcmd PID VM.native_memory detail scale=B` prints, as data: the JVM's own account of whose
// memory is whose. Read in both forms seen: JDK 17 (malloc sites "type=") and 25 ("tag=", "peak=",
// ZGC's backing file). Sizes in bytes: a report made with another scale is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/range.h"
#include "base/result.h"

namespace ft::jvm {

// One entry of "Virtual memory map". Not every committed page is accessible (safepoint and poison
// page are PROT_NONE), and a stack's committed bytes are what mincore() found resident.
struct NmtRegion {
  AddressRange range;
  std::string tag;               // "Java Heap", "Class", "Shared class space", "Thread Stack" ...
  bool whole_committed = false;  // "reserved and committed"
  std::vector<AddressRange> committed;  // as printed: may repeat the whole region, may overlap
};

struct NmtSummary {
  std::string tag;
  std::uint64_t reserved = 0;
  std::uint64_t committed = 0;
  std::uint64_t mmap_reserved = 0;
  std::uint64_t mmap_committed = 0;
  std::uint64_t malloc = 0;
};

struct NmtReport {
  std::int64_t pid = 0;
  std::uint64_t total_reserved = 0;
  std::uint64_t total_committed = 0;
  std::vector<NmtSummary> summary;       // in the order printed
  std::vector<NmtRegion> regions;        // in the order printed: ascending in 17, not in 25
  std::uint64_t backing_file_bytes = 0;  // ZGC in 25: committed by file offset, without addresses

  std::vector<AddressRange> merged_committed(const NmtRegion& region) const;
};

// Fails with "name:line:column" where the text is not such a report. `name` is for messages.
Result<NmtReport> parse_nmt(std::string_view text, std::string_view name = "NMT report");

}  // namespace ft::jvm
