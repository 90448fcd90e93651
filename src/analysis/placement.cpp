#include "analysis/placement.h"

#include "analysis/passes.h"
#include "host/numa_maps.h"

namespace ft::analysis {

Result<std::map<jvm::Subsystem, BytesByNode>> placement_at_end(const Passes& passes) {
  const event::Snapshot* last = nullptr;
  for (const event::Snapshot& snapshot : passes.trace.snapshots) {
    if (snapshot.source == "numa_maps" && snapshot.pid == passes.subject.pid) last = &snapshot;
  }
  if (!last) return fail("placement", "no /proc/PID/numa_maps was taken");
  std::map<jvm::Subsystem, BytesByNode> bytes;
  for (const host::NumaArea& area : FT_TRY(host::parse_numa_maps(last->text))) {
    const attribution::OwnerId owner =
        passes.owners.owner_at(passes.subject.pid, area.start, last->ts);
    for (const host::NodePages& node : area.nodes) {
      bytes[passes.owner(owner).subsystem][node.node] += area.bytes_on(node.node);
    }
  }
  return bytes;
}

}  // namespace ft::analysis
