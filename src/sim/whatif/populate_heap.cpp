#include <sys/mman.h>

#include "sim/whatif/jvm_changes.h"

namespace ft::sim::whatif {

Result<void> populate_heap(Draft& draft, Notes& /*notes*/) {
  bool found = false;
  for (Call& call : draft.calls()) {
    if (call.owner != jvm::Subsystem::JavaHeap || !call.commits()) continue;
    call.event.args[3] |= MAP_POPULATE;
    found = true;
  }
  if (!found) return fail("populate=heap", "no call commits memory of a Java heap");
  return {};
}

}  // namespace ft::sim::whatif
