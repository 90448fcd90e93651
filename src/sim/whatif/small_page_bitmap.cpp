#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/jvm_view.h"

namespace ft::sim::whatif {

void drop_small_page_bitmap(Draft& draft, const JvmView& view) {
  constexpr std::uint64_t kChunkHeader = 16;  // of glibc's malloc
  const std::uint64_t length = page_ceil(view.heap.range.size() / kPageSize / 8 + kChunkHeader);
  for (std::size_t i = view.heap.call + 1; i < draft.calls().size(); ++i) {
    const Call& call = draft.calls()[i];
    const bool it = call.event.number == event::SyscallNumber::Mmap &&
                    call.owner == jvm::Subsystem::CHeap && call.event.pid == view.pid &&
                    call.event.length() == length;
    if (!it) continue;
    const AddressRange range = call.range();
    const Nanoseconds since = call.event.ts;
    std::erase_if(draft.touches(), [&](const Touch& touch) {
      return touch.pid == view.pid && touch.event.ts >= since && range.contains(touch.event.addr);
    });
    draft.calls().erase(draft.calls().begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

}  // namespace ft::sim::whatif
