#include <sys/mman.h>

#include "sim/whatif/code_layout.h"
#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/jvm_view.h"

namespace ft::sim::whatif {

namespace {

using event::SyscallNumber;
using jvm::Subsystem;

constexpr const char* kWhat = "-XX:+UseTransparentHugePages";

class HugePageUser {
 public:
  HugePageUser(Draft& draft, JvmView view) : draft_(draft), view_(std::move(view)) {}

  Result<void> apply() {
    const auto code = FT_TRY(lay_out_code(draft_, view_, kWhat));
    if (code) {
      dropped_ = widen_code(draft_, view_, *code, [&](Call& commit, AddressRange wide) {
        set_range(commit, wide);
        advise(commit);
        return true;
      });
    }
    for (const Structure& table : view_.side_tables) {
      if (table.range.size() >= kHugePageSize) widen_commits(table);
    }
    advise_heap();
    erase_calls(draft_, dropped_);
    drop_small_page_bitmap(draft_, view_);
    return {};
  }

 private:
  std::vector<Call>& calls() { return draft_.calls(); }

  void advise(const Call& commit) {
    draft_.add_call(commit, SyscallNumber::Madvise, commit.range(), MADV_HUGEPAGE);
  }

  void drop(std::size_t index) { dropped_.insert(index); }

  // --- the collector's tables ------------------------------------------------------------------

  // Commits become whole huge pages. Where one is committed already, nothing is; but bitmaps and
  // card counts, which can count on zeroes in new pages only, are cleared there.
  void widen_commits(const Structure& table) {
    Committed committed;
    const bool cleared = table.owner == Subsystem::GcMarkBitmap ||
                         (table.owner == Subsystem::GcCardCounts && !view_.newer);
    for (std::size_t i = table.call + 1; i < calls().size(); ++i) {
      Call& call = calls()[i];
      if (call.event.pid != view_.pid || !call.commits() || !table.range.contains(call.range())) {
        continue;
      }
      const AddressRange asked = call.range();
      AddressRange wide{huge_floor(asked.start), huge_ceil(asked.end)};
      wide = committed.add(wide.intersection(table.range));
      if (wide.empty()) {
        if (cleared) draft_.add_touches(call, asked);
        drop(i);
        continue;
      }
      set_range(call, wide);
      advise(call);
    }
  }

  // --- the heap --------------------------------------------------------------------------------

  // JDK 25 reads its archived objects into the heap instead of mapping them.
  void advise_heap() {
    for (std::size_t i = view_.heap.call + 1; i < calls().size(); ++i) {
      Call& call = calls()[i];
      if (call.event.pid != view_.pid || !view_.heap.range.contains(call.range())) continue;
      if (call.commits()) {
        advise(call);
      } else if (call.maps_file() && view_.newer) {
        draft_.add_touches(call, call.range());
        drop(i);
      }
    }
  }

  Draft& draft_;
  JvmView view_;
  std::set<std::size_t> dropped_;
};

}  // namespace

Result<void> use_transparent_huge_pages(Draft& draft, Notes& notes) {
  const std::string enabled = draft.trace().meta_or("host.thp.enabled");
  if (enabled == "never") {
    notes.emplace_back(
        "-XX:+UseTransparentHugePages: the host's setting is never, so the JVM warns and goes on "
        "without (--set thp=madvise)");
    return {};
  }
  return HugePageUser(draft, FT_TRY(JvmView::of(draft))).apply();
}

}  // namespace ft::sim::whatif
