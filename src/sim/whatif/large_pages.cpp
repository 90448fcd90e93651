#include <sys/mman.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/text.h"
#include "sim/whatif/code_layout.h"
#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/jvm_view.h"

namespace ft::sim::whatif {

namespace {

using event::SyscallNumber;
using jvm::Subsystem;

constexpr unsigned kSizeShift = 26;  // MAP_HUGE_SHIFT

// What lies in hugetlb pages is mapped whole when it is reserved; HotSpot calls such memory special
// and commits nothing of it later.
class LargePageUser {
 public:
  LargePageUser(Draft& draft, JvmView view, std::uint64_t page_bytes, const char* what)
      : draft_(draft),
        view_(std::move(view)),
        page_bytes_(page_bytes),
        what_(what),
        pool_key_(fmt::format("host.hugetlb.{}kB.free", page_bytes / kKiB)),
        left_(parse_integer<std::uint64_t>(draft.trace().meta_or(pool_key_)).value_or(0)) {}

  Result<void> take_heap(Notes& notes) {
    const AddressRange heap = view_.heap.range;
    if (heap.size() % page_bytes_ != 0 || heap.start % page_bytes_ != 0) {
      return fail(what_,
                  fmt::format("the heap of {} at {} is not in whole pages of {}",
                              human_bytes(heap.size()), hex(heap.start), human_bytes(page_bytes_)),
                  "record with another -Xmx");
    }
    if (!take_from_pool("heap", heap.size(), notes)) return {};
    read_archived_objects(notes);
    map_special(heap, view_.heap.call, PROT_READ | PROT_WRITE);
    has_heap_ = true;
    return {};
  }

  Result<void> take_code(Notes& notes) {
    const auto code = FT_TRY(lay_out_code(draft_, view_, what_));
    if (!code) return {};
    if (!take_from_pool("code cache", code->range.size(), notes)) return {};
    dropped_.merge(widen_code(draft_, view_, *code, [](Call&, AddressRange) { return false; }));
    map_special(code->range, code->reserve, PROT_READ | PROT_WRITE | PROT_EXEC);
    return {};
  }

  Result<void> take_side_tables(Notes& notes) {
    for (Structure& table : view_.side_tables) {
      if (table.range.size() < page_bytes_) continue;
      FT_TRY_VOID(align(table));
      if (!take_from_pool(std::string(jvm::name_of(table.owner)), table.range.size(), notes)) {
        continue;
      }
      if (view_.newer && table.owner == Subsystem::GcMarkBitmap) clear_first_commit(table);
      map_special(table.range, table.call, PROT_READ | PROT_WRITE);
    }
    return {};
  }

  void finish() {
    erase_calls(draft_, dropped_);
    if (has_heap_) drop_small_page_bitmap(draft_, view_);
  }

 private:
  // Without enough pages the JVM warns and goes on with small ones.
  bool take_from_pool(const std::string& whom, std::uint64_t bytes, Notes& notes) {
    const std::uint64_t wanted = bytes / page_bytes_;
    if (left_ >= wanted) {
      left_ -= wanted;
      return true;
    }
    notes.push_back(fmt::format(
        "{}: the {} takes {} pages of {}, the pool has {}: the JVM warns and uses small ones "
        "there (--set hugetlb.{}=PAGES)",
        what_, whom, grouped(wanted), human_bytes(page_bytes_), grouped(left_),
        page_bytes_ == kHugePageSize ? "2M" : "1G"));
    return false;
  }

  // A reservation on no border of huge pages is made elsewhere.
  Result<void> align(Structure& table) {
    const AddressRange old = table.range;
    const std::uint64_t size = huge_ceil(old.size());
    if (old.start % page_bytes_ == 0 && old.size() == size) return {};
    const std::uint64_t start = draft_.find_free(view_.pid, size, page_bytes_, old.end, old);
    if (start == 0) return fail(what_, "no place for a table on a huge page border");
    draft_.relocate(view_.pid, draft_.calls()[table.call].event.ts, [&](std::uint64_t address) {
      return old.contains(address) ? start + (address - old.start) : address;
    });
    table.range = AddressRange::of_size(start, size);
    Call& reserve = draft_.calls()[table.call];
    reserve.event.args[1] = size;
    reserve.event.ret = static_cast<std::int64_t>(start);
    return {};
  }

  void map_special(AddressRange range, std::size_t reserve, std::uint64_t prot) {
    for (std::size_t i = reserve + 1; i < draft_.calls().size(); ++i) {
      if (commits_in(draft_.calls()[i], range)) dropped_.insert(i);
    }
    const Call reservation = draft_.calls()[reserve];
    const std::uint64_t size_bits =
        page_bytes_ == kHugePageSize ? 0
                                     : std::uint64_t(std::countr_zero(page_bytes_)) << kSizeShift;
    draft_.add_map(reservation, range, prot,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB | size_bits);
  }

  // JDK 25 does not trust special memory to be zero, and clears the bitmap of the initial heap; 17
  // does.
  void clear_first_commit(const Structure& table) {
    const auto first = std::ranges::find_if(draft_.calls(), [&](const Call& call) {
      return commits_in(call, table.range) && call.commits() &&
             call.range().start == table.range.start;
    });
    if (first == draft_.calls().end()) return;
    const Call commit = *first;
    draft_.add_touches(commit, commit.range());
  }

  bool is_within(const Call& call, AddressRange range) const {
    return call.event.pid == view_.pid && !call.range().empty() && range.contains(call.range());
  }
  bool commits_in(const Call& call, AddressRange range) const {
    const bool fixed =
        call.event.number == SyscallNumber::Mmap && (call.event.flags() & MAP_FIXED) != 0;
    return is_within(call, range) && (fixed || call.event.number == SyscallNumber::Madvise);
  }

  // A file cannot be mapped over hugetlb pages: JDK 25 reads its archived objects into the heap, 17
  // is refused (EINVAL) and does without them.
  void read_archived_objects(Notes& notes) {
    std::vector<AddressRange> refused;
    for (const Call& call : draft_.calls()) {
      if (!is_within(call, view_.heap.range) || !call.maps_file()) continue;
      if (view_.newer) {
        draft_.add_touches(call, call.range());
      } else {
        refused.push_back(call.range());
      }
    }
    std::erase_if(draft_.touches(), [&](const Touch& touch) {
      return touch.pid == view_.pid && std::ranges::any_of(refused, [&](AddressRange range) {
               return range.contains(touch.event.addr);
             });
    });
    if (!refused.empty()) {
      notes.push_back(
          fmt::format("{}: JDK 17 cannot map its archived objects then and makes them anew; what "
                      "that touches beside the heap is not known",
                      what_));
    }
  }

  Draft& draft_;
  JvmView view_;
  std::uint64_t page_bytes_;
  const char* what_;
  std::string pool_key_;
  std::uint64_t left_;  // free pages in the pool
  bool has_heap_ = false;
  std::set<std::size_t> dropped_;  // calls that are not made, by index
};

}  // namespace

Result<void> use_hugetlb_heap(Draft& draft, std::uint64_t page_bytes, Notes& notes) {
  LargePageUser user(draft, FT_TRY(JvmView::of(draft)), page_bytes, "hugetlb.heap");
  FT_TRY_VOID(user.take_heap(notes));
  user.finish();
  return {};
}

Result<void> use_large_pages(Draft& draft, Notes& notes) {
  constexpr const char* kWhat = "-XX:+UseLargePages";
  LargePageUser user(draft, FT_TRY(JvmView::of(draft)), kHugePageSize, kWhat);
  FT_TRY_VOID(user.take_code(notes));
  FT_TRY_VOID(user.take_heap(notes));
  FT_TRY_VOID(user.take_side_tables(notes));
  user.finish();
  return {};
}

}  // namespace ft::sim::whatif
