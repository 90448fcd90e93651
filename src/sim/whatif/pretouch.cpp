#include <sys/mman.h>

#include <algorithm>

#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/jvm_view.h"

namespace ft::sim::whatif {

namespace {

using event::SyscallNumber;
using jvm::Subsystem;

constexpr std::uint64_t kChunkBytes = 4 * kMiB;  // PreTouchParallelChunkSize

class Toucher {
 public:
  Toucher(Draft& draft, JvmView view, PreTouchManner manner)
      : draft_(draft),
        view_(std::move(view)),
        populates_(manner.advised && view_.newer),
        code_is_special_(manner.code_is_special) {}

  void apply() {
    for (std::size_t i = view_.code.empty() ? 0 : view_.code.front().call;
         i < draft_.calls().size(); ++i) {
      Call& call = draft_.calls()[i];
      if (call.event.pid != view_.pid) continue;
      if (call.commits() && touches_commit(call)) touch(call, call.range());
      if (call.maps_file() && touches_file(call)) touch_file(call);
    }
    for (const Structure& other : view_.others) touch_card_cache(other);
  }

 private:
  // The heap and its side tables when they are made; regions for archived objects, which come
  // later, are not.
  bool touches_commit(const Call& call) const {
    switch (call.owner) {
      case Subsystem::JavaHeap:
        return call.range().start == view_.heap.range.start;
      case Subsystem::GcCardTable:
      case Subsystem::GcBlockOffsetTable:
      case Subsystem::GcCardCounts:
      case Subsystem::GcMarkBitmap:
        return std::ranges::any_of(view_.side_tables, [&](const Structure& table) {
          return table.range.start == call.range().start;
        });
      case Subsystem::CodeCache:
        return !code_is_special_ || call.range().size() < kHugePageSize;  // segment maps are small
      case Subsystem::ClassSpace:
      case Subsystem::Metaspace:
        return true;
      default:
        return false;
    }
  }

  // JDK 25 touches what it maps of the CDS archive, the archived objects in the heap too.
  bool touches_file(const Call& call) const {
    return view_.newer &&
           (call.owner == Subsystem::CdsArchive || call.owner == Subsystem::JavaHeap);
  }

  void touch(const Call& call, AddressRange range) {
    if (!populates_) return draft_.add_touches(call, range);
    for (std::uint64_t at = range.start; at < range.end; at += kChunkBytes) {
      draft_.add_call(call, SyscallNumber::Madvise, {at, std::min(at + kChunkBytes, range.end)},
                      MADV_POPULATE_WRITE);
    }
  }

  // For that it is mapped writable.
  void touch_file(Call& call) {
    call.event.args[2] |= PROT_WRITE;
    touch(call, call.range());
  }

  // G1FromCardCache is cleared for all regions there can be.
  void touch_card_cache(const Structure& other) {
    if (view_.card_cache_bytes_per_region(other) == 0) return;
    const auto commit = std::ranges::find_if(draft_.calls(), [&](const Call& call) {
      return call.commits() && other.range.contains(call.range());
    });
    if (commit == draft_.calls().end()) return;
    draft_.add_touches(*commit, {other.range.start, other.range.end - kPageSize});
  }

  Draft& draft_;
  JvmView view_;
  bool populates_;
  bool code_is_special_;
};

}  // namespace

Result<void> touch_when_committed(Draft& draft, PreTouchManner manner) {
  Toucher(draft, FT_TRY(JvmView::of(draft)), manner).apply();
  return {};
}

}  // namespace ft::sim::whatif
