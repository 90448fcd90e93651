#include <sys/mman.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/jvm_view.h"

namespace ft::sim::whatif {

namespace {

using jvm::Subsystem;

constexpr const char* kWhat = "-Xms";
constexpr std::uint64_t kHeaderBytes = 16;        // of buffers: MinObjAlignment, and a little more
constexpr std::uint64_t kArenaBytes = 64 * kMiB;  // HEAP_MAX_SIZE of glibc

// What each further region costs in the C heap, measured from 64 to 1024 regions: JDK 17's
// HeapRegion with its remembered set's tables, JDK 25's without them.
constexpr std::uint64_t kRegionCost17 = 4766;
constexpr std::uint64_t kRegionCost25 = 640;

struct Growth {
  AddressRange table;  // the reservation
  std::uint64_t from = 0;
  std::uint64_t to = 0;  // bytes committed
  std::size_t commit = 0;
};

class HeapGrowth {
 public:
  HeapGrowth(Draft& draft, JvmView view, std::uint64_t bytes)
      : draft_(draft),
        view_(std::move(view)),
        bytes_(bytes),
        grown_(AddressRange::of_size(view_.heap.range.start, bytes)),
        young_end_(grown_.end),
        old_regions_(view_.initial_bytes / view_.region_bytes),
        new_regions_(bytes / view_.region_bytes) {}

  Result<void> apply(Notes& notes) {
    FT_TRY_VOID(find_archive());
    for (const Structure& table : view_.side_tables) grow_table(table);
    for (const Structure& other : view_.others) grow_per_region(other);
    move_young_regions(notes);
    grow_c_heap(notes);
    resize(draft_.calls()[view_.initial_commit], bytes_);
    drop_commits_of_archive();
    return {};
  }

 private:
  static void resize(Call& call, std::uint64_t bytes) { call.event.args[1] = bytes; }

  bool changes_heap(const Call& call) const {
    return call.event.pid == view_.pid && call.event.number == event::SyscallNumber::Mmap &&
           (call.event.flags() & MAP_FIXED) != 0 && grown_.overlaps(call.range());
  }

  // Java objects of the CDS archive are mapped over the heap's end, where the JVM first commits
  // memory for them: with a heap that is committed as far as there, it need not. Whatever else
  // changes what is committed from the start is the collector resizing the heap.
  Result<void> find_archive() {
    std::uint64_t archive = grown_.end;  // where it begins
    for (std::size_t i = view_.initial_commit + 1; i < draft_.calls().size(); ++i) {
      const Call& call = draft_.calls()[i];
      if (changes_heap(call) && call.maps_file()) archive = std::min(archive, call.range().start);
    }
    for (std::size_t i = view_.initial_commit + 1; i < draft_.calls().size(); ++i) {
      const Call& call = draft_.calls()[i];
      if (!changes_heap(call) || call.maps_file()) continue;
      if (call.range().end <= archive || !grown_.contains(call.range())) {
        return fail(kWhat,
                    fmt::format("the recorded JVM changed its heap at {} while it ran",
                                hex(call.range().start)),
                    "record a shorter run, or one with another -Xms");
      }
      committed_anyway_.push_back(i);
      young_end_ = std::min(young_end_, call.range().start);
    }
    return {};
  }

  // And those of the tables beside the heap: they are committed as far as the heap is.
  void drop_commits_of_archive() {
    if (committed_anyway_.empty()) return;
    for (const AddressRange table : grown_tables_) {
      for (std::size_t i = view_.initial_commit + 1; i < draft_.calls().size(); ++i) {
        const Call& call = draft_.calls()[i];
        const bool first = call.range().start == table.start;
        if (call.event.pid == view_.pid && call.commits() && !first &&
            table.contains(call.range())) {
          committed_anyway_.push_back(i);
        }
      }
    }
    draft_.drop_calls(committed_anyway_);
  }

  // The first commit behind the heap's own, at the table's beginning.
  std::optional<Growth> growth_of(const Structure& table) const {
    const std::vector<Call>& calls = draft_.calls();
    for (std::size_t i = view_.initial_commit + 1; i < calls.size(); ++i) {
      if (!calls[i].commits() || calls[i].range().start != table.range.start) continue;
      const std::uint64_t from = calls[i].range().size();
      const std::uint64_t to = page_ceil(from * new_regions_ / old_regions_);
      return Growth{table.range, from, std::min(to, table.range.size()), i};
    }
    return std::nullopt;
  }

  void grow_table(const Structure& table) {
    const std::optional<Growth> growth = growth_of(table);
    if (!growth) return;
    resize(draft_.calls()[growth->commit], growth->to);
    grown_tables_.push_back(AddressRange::of_size(table.range.start, growth->to));
    repeat_pattern(*growth);
  }

  // A table has the same number of bytes for each region. What is touched for nearly every region
  // is touched for the new ones too; what is touched for a few belongs to what they hold.
  void repeat_pattern(const Growth& growth) {
    const std::uint64_t slice =
        std::max<std::uint64_t>(growth.from / old_regions_ / kPageSize, 1) * kPageSize;
    const std::uint64_t slices = growth.from / slice;
    const AddressRange old = AddressRange::of_size(growth.table.start, slices * slice);
    std::map<std::uint64_t, std::vector<Touch>> by_offset;  // within its slice
    for (const Touch& touch : draft_.touches()) {
      if (touch.pid != view_.pid || !old.contains(touch.event.addr)) continue;
      by_offset[page_floor(touch.event.addr - old.start) % slice].push_back(touch);
    }
    for (const auto& [offset, touches] : by_offset) {
      if (touches.size() * 10 < slices * 9) continue;
      for (std::uint64_t at = growth.from; at + slice <= growth.to; at += slice) {
        draft_.add_touch(touches.back(), growth.table.start + at + offset);
      }
    }
  }

  // G1FromCardCache: committed whole, and cleared from its beginning as far as there are regions.
  void grow_per_region(const Structure& other) {
    const std::uint64_t each = view_.card_cache_bytes_per_region(other);
    if (each == 0) return;
    const std::vector<std::uint64_t> pages =
        draft_.pages_touched(view_.pid, other.range, draft_.calls()[other.call].event.ts);
    std::uint64_t run = 0;
    while (run < pages.size() && pages[run] == other.range.start + run * kPageSize) ++run;
    if (run * kPageSize < old_regions_ * each) return;
    const std::uint64_t more = (new_regions_ - old_regions_) * each;
    const Call& commit = last_commit_of(other);
    const std::uint64_t from = other.range.start + run * kPageSize;
    draft_.add_touches(commit, {from, std::min(from + more, other.range.end)});
  }

  const Call& last_commit_of(const Structure& structure) const {
    const Call* found = &draft_.calls()[structure.call];
    for (const Call& call : draft_.calls()) {
      if (call.commits() && structure.range.contains(call.range())) found = &call;
    }
    return *found;
  }

  // Young regions are taken from the end, old and humongous ones from the beginning: what lies
  // between the two was never touched.
  void move_young_regions(Notes& notes) {
    const AddressRange heap = AddressRange::of_size(view_.heap.range.start, view_.initial_bytes);
    const Nanoseconds since = draft_.calls()[view_.initial_commit].event.ts;
    std::vector<bool> used(old_regions_, false);
    for (const std::uint64_t page : draft_.pages_touched(view_.pid, heap, since)) {
      used[(page - heap.start) / view_.region_bytes] = true;
    }
    std::uint64_t first_young = old_regions_;
    while (first_young > 0 && used[first_young - 1]) --first_young;
    if (first_young == 0) {
      notes.emplace_back(
          "-Xms: the recorded heap was used to its beginning; with a larger one the "
          "collector would have run later, which is not known");
    }
    const AddressRange young{heap.start + first_young * view_.region_bytes, heap.end};
    const std::uint64_t shift = young_end_ - heap.end;
    const std::optional<std::uint64_t> buffer = allocation_buffer(young);
    draft_.relocate(view_.pid, since + 1, [&](std::uint64_t address) {
      if (!young.contains(address)) return address;
      return shift + (buffer ? place_in_larger_buffers(address, young.start, *buffer) : address);
    });
  }

  // How far apart threads' allocation buffers (TLABs) begin in the only young region: a run of
  // pages from its beginning, and behind it each buffer's first page. None where that is not what
  // is seen.
  std::optional<std::uint64_t> allocation_buffer(AddressRange young) const {
    if (young.size() != view_.region_bytes) return std::nullopt;
    std::vector<std::uint64_t> offsets;
    for (const Touch& touch : draft_.touches()) {
      if (touch.pid == view_.pid && young.contains(touch.event.addr)) {
        offsets.push_back(touch.event.addr - young.start);
      }
    }
    std::ranges::sort(offsets);
    const auto gap = std::ranges::adjacent_find(offsets, [](std::uint64_t a, std::uint64_t b) {
      return page_floor(b) > page_floor(a) + kPageSize;
    });
    if (gap == offsets.end() || offsets.front() >= kPageSize) return std::nullopt;
    const std::uint64_t buffer = *std::next(gap) & ~(kHeaderBytes - 1);
    std::uint64_t seen = 0;  // buffers whose first page was found
    for (const std::uint64_t offset : offsets) {
      const std::uint64_t number = offset / buffer;
      if (number < seen) continue;
      if (number > seen || offset % buffer >= kPageSize) return std::nullopt;
      ++seen;
    }
    return buffer;
  }

  // A buffer is a share of the young generation, half a region at most; what does not fit into a
  // region is taken from the one below.
  std::uint64_t place_in_larger_buffers(std::uint64_t address, std::uint64_t region,
                                        std::uint64_t buffer) const {
    const std::uint64_t share = buffer * new_regions_ / old_regions_ & ~(kHeaderBytes - 1);
    const std::uint64_t larger = std::max(buffer, std::min(share, view_.region_bytes / 2));
    const std::uint64_t number = (address - region) / buffer;
    const std::uint64_t in_a_region = view_.region_bytes / larger;
    return region - number / in_a_region * view_.region_bytes + number % in_a_region * larger +
           (address - region) % buffer;
  }

  void grow_c_heap(Notes& notes) {
    const Call& commit = draft_.calls()[view_.initial_commit];
    const std::uint64_t cost = view_.newer ? kRegionCost25 : kRegionCost17;
    const std::uint64_t bytes = page_floor((new_regions_ - old_regions_) * cost);
    const auto arena = std::ranges::find_if(draft_.touches(), [&](const Touch& touch) {
      return touch.owner == Subsystem::CHeap && touch.event.tid == commit.event.tid &&
             touch.event.ts > commit.event.ts && touch.event.addr % kArenaBytes < kArenaBytes / 2 &&
             touch.event.addr > view_.heap.range.end;
    });
    const std::optional<Arena> grown = arena == draft_.touches().end()
                                           ? std::nullopt
                                           : arena_around(arena->event.addr, commit.event.ts);
    if (!grown || grown->last + bytes > grown->end) {
      notes.emplace_back("-Xms: the memory the collector takes for more regions is not counted");
      return;
    }
    // What the arena takes later lies behind it.
    draft_.relocate(view_.pid, commit.event.ts + 1, [&](std::uint64_t address) {
      return address >= grown->committed && address < grown->end ? address + bytes : address;
    });
    Call place = commit;
    place.owner = Subsystem::CHeap;
    const AddressRange taken = AddressRange::of_size(grown->committed, bytes);
    draft_.add_call(place, event::SyscallNumber::Mprotect, taken, PROT_READ | PROT_WRITE);
    draft_.add_touches(place, taken);
  }

  // Of glibc: an aligned reservation that mprotect makes usable from its beginning on.
  struct Arena {
    std::uint64_t committed = 0;  // as far as this by then
    std::uint64_t last = 0;       // as far as this at any time
    std::uint64_t end = 0;
  };
  std::optional<Arena> arena_around(std::uint64_t address, Nanoseconds ts) const {
    const AddressRange whole = AddressRange::of_size(address & ~(kArenaBytes - 1), kArenaBytes);
    Arena arena{.end = whole.end};
    for (const Call& call : draft_.calls()) {
      if (call.event.pid != view_.pid || call.event.number != event::SyscallNumber::Mprotect ||
          !whole.contains(call.range())) {
        continue;
      }
      arena.last = std::max(arena.last, call.range().end);
      if (call.event.ts <= ts) arena.committed = arena.last;
    }
    if (arena.committed == 0) return std::nullopt;
    return arena;
  }

  Draft& draft_;
  JvmView view_;
  std::uint64_t bytes_;
  AddressRange grown_;
  std::uint64_t young_end_;  // of the grown heap: its end, or where the archive begins
  std::vector<std::size_t> committed_anyway_;  // calls that need not be
  std::vector<AddressRange> grown_tables_;
  std::uint64_t old_regions_;
  std::uint64_t new_regions_;
};

}  // namespace

Result<void> set_initial_heap(Draft& draft, std::uint64_t bytes, Notes& notes) {
  JvmView view = FT_TRY(JvmView::of(draft));
  const std::uint64_t region = view.region_bytes;
  if (bytes > view.heap.range.size()) {
    return fail(kWhat,
                fmt::format("{} is more than the maximum heap, {}", human_bytes(bytes),
                            human_bytes(view.heap.range.size())),
                "record with a larger -Xmx");
  }
  const std::uint64_t whole = (bytes + region - 1) / region * region;
  if (whole < view.initial_bytes || view.initial_bytes < region) {
    return fail(kWhat,
                fmt::format("{} is less than what was recorded, {}", human_bytes(bytes),
                            human_bytes(view.initial_bytes)),
                "record with a smaller -Xms");
  }
  if (whole == view.initial_bytes) return {};
  return HeapGrowth(draft, std::move(view), whole).apply(notes);
}

}  // namespace ft::sim::whatif
