#include "sim/whatif/jvm_view.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace ft::sim::whatif {

namespace {

using jvm::Subsystem;

constexpr std::uint64_t kFixedNoReplace = 0x100000;  // MAP_FIXED_NOREPLACE
constexpr std::uint64_t kTargetRegions = 2048;       // HeapRegionBounds::target_number
constexpr std::uint64_t kSmallestRegion = kMiB;
constexpr std::uint64_t kLargestRegion = 32 * kMiB;

bool is_g1(const event::Trace& trace) {
  if (trace.meta.contains("probe.aux.0")) return true;  // create_aux_memory_mapper was called
  return std::ranges::any_of(trace.stacks, [](const event::Stack& stack) {
    return std::ranges::any_of(stack.frames, [](const event::Frame& frame) {
      return frame.symbol.starts_with("G1CollectedHeap::");
    });
  });
}

// The largest: JDK 17 of ZGC reserves several.
std::optional<Structure> find_heap(const std::vector<Call>& calls) {
  std::optional<Structure> heap;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Call& call = calls[i];
    if (call.owner != Subsystem::JavaHeap || !call.reserves()) continue;
    if (!heap || call.range().size() > heap->range.size()) {
      heap = Structure{call.owner, call.range(), i};
    }
  }
  return heap;
}

std::uint64_t region_size(std::uint64_t max_heap) {
  const std::uint64_t wanted = std::max<std::uint64_t>(max_heap / kTargetRegions, 1);
  return std::clamp(std::bit_floor(wanted), kSmallestRegion, kLargestRegion);
}

void sort_structure(const Structure& structure, JvmView& view) {
  switch (structure.owner) {
    case Subsystem::GcCardTable:
    case Subsystem::GcBlockOffsetTable:
    case Subsystem::GcCardCounts:
    case Subsystem::GcMarkBitmap:
      return view.side_tables.push_back(structure);
    case Subsystem::GcOther:
      return view.others.push_back(structure);
    case Subsystem::CodeCache:
      return view.code.push_back(structure);
    default:
      return;
  }
}

}  // namespace

std::uint64_t JvmView::card_cache_bytes_per_region(const Structure& other) const {
  constexpr std::uint64_t kCacheLine = 64;
  constexpr std::uint64_t kMost = 1024;  // 256 workers
  const std::uint64_t each = other.range.size() / max_regions() / kCacheLine * kCacheLine;
  return each <= kMost && other.range.size() < 2 * each * max_regions() ? each : 0;
}

Result<JvmView> JvmView::of(Draft& draft) {
  constexpr const char* kWhat = "what a JVM flag changes";
  const std::vector<Call>& calls = draft.calls();
  const std::optional<Structure> heap = find_heap(calls);
  if (!heap) return fail(kWhat, "the recording shows no JVM that reserved a heap");
  if (!is_g1(draft.trace())) {
    return fail(kWhat, "known for the G1 collector only", "record with -XX:+UseG1GC");
  }
  if (draft.touches().empty()) {
    return fail(kWhat, "the recording holds no page faults", "record with --backend bpf");
  }
  JvmView view;
  view.heap = *heap;
  view.pid = calls[heap->call].event.pid;
  view.region_bytes = region_size(heap->range.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Call& call = calls[i];
    if (call.event.pid != view.pid) continue;
    if (call.reserves()) {
      view.newer = view.newer || (call.event.flags() & kFixedNoReplace) != 0;
      sort_structure({call.owner, call.range(), i}, view);
    }
    if (view.initial_bytes == 0 && i > heap->call && call.commits() &&
        call.range().start == heap->range.start) {
      view.initial_commit = i;
      view.initial_bytes = call.range().size();
    }
  }
  if (view.initial_bytes == 0) return fail(kWhat, "no call made the heap usable");
  return view;
}

}  // namespace ft::sim::whatif
