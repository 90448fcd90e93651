#include <sys/mman.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/text.h"
#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/jvm_view.h"

namespace ft::sim::whatif {

namespace {

using event::SyscallNumber;

constexpr const char* kWhat = "hugetlb.heap";
constexpr unsigned kSizeShift = 26;  // MAP_HUGE_SHIFT

class HugetlbHeap {
 public:
  HugetlbHeap(Draft& draft, JvmView view, std::uint64_t page_bytes)
      : draft_(draft), view_(std::move(view)), page_bytes_(page_bytes) {}

  Result<void> apply(Notes& notes) {
    const AddressRange heap = view_.heap.range;
    if (heap.size() % page_bytes_ != 0 || heap.start % page_bytes_ != 0) {
      return fail(kWhat,
                  fmt::format("the heap of {} at {} is not in whole pages of {}",
                              human_bytes(heap.size()), hex(heap.start), human_bytes(page_bytes_)),
                  "record with another -Xmx");
    }
    if (!pool_suffices(notes)) return {};
    read_archived_objects(notes);
    std::erase_if(draft_.calls(), [&](const Call& call) { return commits_heap(call); });
    drop_small_page_bitmap(draft_, view_);
    const Call reserve = draft_.calls()[view_.heap.call];
    const std::uint64_t size_bits =
        page_bytes_ == kHugePageSize ? 0
                                     : std::uint64_t(std::countr_zero(page_bytes_)) << kSizeShift;
    draft_.add_map(reserve, heap, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB | size_bits);
    return {};
  }

 private:
  bool in_heap(const Call& call) const {
    return call.event.pid == view_.pid && !call.range().empty() &&
           view_.heap.range.contains(call.range());
  }
  // All is mapped from the start: HotSpot calls such memory special and commits nothing later.
  bool commits_heap(const Call& call) const {
    const bool fixed =
        call.event.number == SyscallNumber::Mmap && (call.event.flags() & MAP_FIXED) != 0;
    return in_heap(call) && (fixed || call.event.number == SyscallNumber::Madvise);
  }

  // Without enough pages the JVM warns and goes on with small ones.
  bool pool_suffices(Notes& notes) {
    const std::string key = fmt::format("host.hugetlb.{}kB.free", page_bytes_ / kKiB);
    const std::uint64_t wanted = view_.heap.range.size() / page_bytes_;
    std::string& free = draft_.trace().meta[key];
    const std::uint64_t there = parse_integer<std::uint64_t>(free).value_or(0);
    if (there >= wanted) return true;
    notes.push_back(fmt::format(
        "hugetlb.heap: the heap takes {} pages of {}, the pool has {}: the JVM warns and uses "
        "small ones (--set hugetlb.{}={})",
        grouped(wanted), human_bytes(page_bytes_), grouped(there),
        page_bytes_ == kHugePageSize ? "2M" : "1G", wanted));
    return false;
  }

  // A file cannot be mapped over hugetlb pages: JDK 25 reads its archived objects into the heap, 17
  // is refused (EINVAL) and does without them.
  void read_archived_objects(Notes& notes) {
    std::vector<AddressRange> refused;
    for (const Call& call : draft_.calls()) {
      if (!in_heap(call) || !call.maps_file()) continue;
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
      notes.emplace_back(
          "hugetlb.heap: JDK 17 cannot map its archived objects then and makes them anew; what "
          "that touches beside the heap is not known");
    }
  }

  Draft& draft_;
  JvmView view_;
  std::uint64_t page_bytes_;
};

}  // namespace

Result<void> use_hugetlb_heap(Draft& draft, std::uint64_t page_bytes, Notes& notes) {
  return HugetlbHeap(draft, FT_TRY(JvmView::of(draft)), page_bytes).apply(notes);
}

}  // namespace ft::sim::whatif
