#include <sys/mman.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/jvm_view.h"

namespace ft::sim::whatif {

namespace {

using event::SyscallNumber;
using jvm::Subsystem;

constexpr const char* kWhat = "-XX:+UseTransparentHugePages";
// A segment map has one byte for each 128 bytes of code (CodeCacheSegmentSize).
constexpr std::uint64_t kCodePerMapByte = 128;

constexpr std::uint64_t huge_floor(std::uint64_t at) {
  return at & ~(kHugePageSize - 1);
}
constexpr std::uint64_t huge_ceil(std::uint64_t at) {
  return huge_floor(at + kHugePageSize - 1);
}

// What of a reservation is committed so far: HotSpot does not commit a page twice.
class Committed {
 public:
  // The part of `range` that was not committed yet, as one range; empty where all of it was.
  AddressRange add(AddressRange range) {
    AddressRange rest = range;
    while (rest.start < rest.end && pages_.contains(rest.start)) rest.start += kPageSize;
    while (rest.start < rest.end && pages_.contains(rest.end - kPageSize)) rest.end -= kPageSize;
    for (std::uint64_t at = rest.start; at < rest.end; at += kPageSize) pages_.insert(at);
    return rest;
  }

 private:
  std::set<std::uint64_t> pages_;
};

class HugePageUser {
 public:
  HugePageUser(Draft& draft, JvmView view) : draft_(draft), view_(std::move(view)) {}

  Result<void> apply() {
    FT_TRY_VOID(lay_out_code_anew());
    for (const Structure& table : view_.side_tables) {
      if (table.range.size() >= kHugePageSize) widen_commits(table);
    }
    advise_heap();
    erase_dropped();
    drop_small_page_bitmap(draft_, view_);
    return {};
  }

 private:
  std::vector<Call>& calls() { return draft_.calls(); }

  void set_range(Call& call, AddressRange range) {
    call.event.args[0] = range.start;
    call.event.args[1] = range.size();
    call.event.ret = static_cast<std::int64_t>(range.start);
  }

  void advise(const Call& commit) {
    draft_.add_call(commit, SyscallNumber::Madvise, commit.range(), MADV_HUGEPAGE);
  }

  void drop(std::size_t index) { dropped_.insert(index); }

  void erase_dropped() {
    for (auto it = dropped_.rbegin(); it != dropped_.rend(); ++it) {
      calls().erase(calls().begin() + static_cast<std::ptrdiff_t>(*it));
    }
    dropped_.clear();
  }

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

  // --- the code cache --------------------------------------------------------------------------

  struct Segment {
    AddressRange old;
    AddressRange now;
    std::size_t map = 0;  // index into view_.code of its segment map; 0: none
  };

  const Structure* code_reservation() const {
    const auto largest = std::ranges::max_element(
        view_.code, {}, [](const Structure& structure) { return structure.range.size(); });
    const bool large = largest != view_.code.end() && largest->range.size() >= kHugePageSize;
    return large ? &*largest : nullptr;
  }

  // A segment begins with the commit behind which its map is reserved.
  std::vector<Segment> segments_of(const Structure& code) {
    std::vector<Segment> segments;
    for (std::size_t map = 0; map < view_.code.size(); ++map) {
      if (view_.code[map].call <= code.call) continue;
      for (std::size_t i = view_.code[map].call; i-- > code.call;) {
        if (!calls()[i].commits() || !code.range.contains(calls()[i].range())) continue;
        segments.push_back({.old = {calls()[i].range().start, 0}, .map = map});
        break;
      }
    }
    std::ranges::sort(segments, {}, [](const Segment& segment) { return segment.old.start; });
    for (std::size_t i = 0; i < segments.size(); ++i) {
      segments[i].old.end = i + 1 < segments.size() ? segments[i + 1].old.start : code.range.end;
    }
    return segments;
  }

  // Segments in whole huge pages: JDK 25 rounds each up; 17 rounds the profiled one down, so that
  // the whole keeps its size. The last has what is left.
  void place_segments(std::uint64_t start, std::uint64_t size, std::vector<Segment>& segments) {
    std::uint64_t at = start;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const std::uint64_t old = segments[i].old.size();
      const bool round_down = !view_.newer && i == 0 && segments.size() > 1;
      std::uint64_t bytes = round_down ? huge_floor(old) : huge_ceil(old);
      if (i + 1 == segments.size()) bytes = start + size - at;
      segments[i].now = AddressRange::of_size(at, bytes);
      at += bytes;
    }
  }

  Result<void> lay_out_code_anew() {
    const Structure* code = code_reservation();
    if (!code) return {};
    std::vector<Segment> segments = segments_of(*code);
    if (segments.empty()) return {};
    const std::uint64_t size = huge_ceil(code->range.size());
    const bool fits = size == code->range.size() && code->range.start % kHugePageSize == 0;
    const std::uint64_t start =
        fits ? code->range.start
             : draft_.find_free(view_.pid, size, kHugePageSize, code->range.end, code->range);
    if (start == 0) return fail(kWhat, "no place for the code cache on a huge page border");
    place_segments(start, size, segments);
    const Nanoseconds since = calls()[code->call].event.ts;
    const AddressRange old_code = code->range;
    draft_.relocate(view_.pid, since, [&](std::uint64_t address) {
      if (!old_code.contains(address)) return address;
      for (const Segment& segment : segments) {
        if (segment.old.contains(address)) return segment.now.start + (address - segment.old.start);
      }
      return address;
    });
    Call& reserve = calls()[code->call];
    reserve.event.args[1] = size;
    reserve.event.ret = static_cast<std::int64_t>(start);
    for (const Segment& segment : segments) commit_segment(code->call, segment);
    return {};
  }

  // REQUIRES: relocated.
  void commit_segment(std::size_t reserve, const Segment& segment) {
    Committed committed;
    std::uint64_t code_bytes = 0;
    const Structure& map = view_.code[segment.map];
    std::uint64_t map_bytes = 0;
    for (std::size_t i = reserve + 1; i < calls().size(); ++i) {
      Call& call = calls()[i];
      if (call.event.pid != view_.pid || !call.commits()) continue;
      if (segment.now.contains(call.range())) {
        AddressRange wide{huge_floor(call.range().start), huge_ceil(call.range().end)};
        wide = committed.add(wide.intersection(segment.now));
        code_bytes += wide.size();
        if (wide.empty()) {
          drop(i);
          continue;
        }
        set_range(call, wide);
        advise(call);
      } else if (map.range.contains(call.range())) {
        grow_map(i, map, code_bytes, map_bytes);
      }
    }
  }

  // The map is written to as far as it is committed.
  void grow_map(std::size_t index, const Structure& map, std::uint64_t code_bytes,
                std::uint64_t& map_bytes) {
    Call& call = calls()[index];
    const std::uint64_t wanted =
        std::min(page_ceil(code_bytes / kCodePerMapByte), map.range.size());
    if (wanted <= map_bytes) return drop(index);
    const AddressRange old = call.range();
    const AddressRange now{map.range.start + map_bytes, map.range.start + wanted};
    const std::size_t touched = draft_.pages_touched(view_.pid, old, call.event.ts).size();
    map_bytes = wanted;
    set_range(call, now);
    if (touched == old.size() / kPageSize && now.end > old.end) {
      draft_.add_touches(call, {old.end, now.end});
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
