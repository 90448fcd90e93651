#include "sim/whatif/code_layout.h"

#include <algorithm>

namespace ft::sim::whatif {

namespace {

// A segment map has one byte for each 128 bytes of code (CodeCacheSegmentSize).
constexpr std::uint64_t kCodePerMapByte = 128;

const Structure* code_reservation(const JvmView& view) {
  const auto largest = std::ranges::max_element(
      view.code, {}, [](const Structure& structure) { return structure.range.size(); });
  const bool large = largest != view.code.end() && largest->range.size() >= kHugePageSize;
  return large ? &*largest : nullptr;
}

// A segment begins with the commit behind which its map is reserved.
std::vector<CodeSegment> segments_of(const Draft& draft, const JvmView& view,
                                     const Structure& code) {
  std::vector<CodeSegment> segments;
  for (std::size_t map = 0; map < view.code.size(); ++map) {
    if (view.code[map].call <= code.call) continue;
    for (std::size_t i = view.code[map].call; i-- > code.call;) {
      const Call& call = draft.calls()[i];
      if (!call.commits() || !code.range.contains(call.range())) continue;
      segments.push_back({.old = {call.range().start, 0}, .now = {}, .map = map});
      break;
    }
  }
  std::ranges::sort(segments, {}, [](const CodeSegment& segment) { return segment.old.start; });
  for (std::size_t i = 0; i < segments.size(); ++i) {
    segments[i].old.end = i + 1 < segments.size() ? segments[i + 1].old.start : code.range.end;
  }
  return segments;
}

// JDK 25 rounds each segment up to whole huge pages, and the cache with them; 17 rounds the
// profiled one down, so that the whole keeps its size. The last has what is left.
std::uint64_t size_of_segments(const JvmView& view, std::uint64_t whole,
                               std::vector<CodeSegment>& segments) {
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::uint64_t old = segments[i].old.size();
    const bool round_down = !view.newer && i == 0 && segments.size() > 1;
    std::uint64_t bytes = round_down ? huge_floor(old) : huge_ceil(old);
    if (i + 1 == segments.size() && at < whole) bytes = whole - at;
    segments[i].now = AddressRange::of_size(at, bytes);
    at += bytes;
  }
  return at;
}

// The map is written to as far as it is committed. False: it is large enough already.
bool grow_map(Draft& draft, const JvmView& view, Call& call, AddressRange map,
              std::uint64_t code_bytes, std::uint64_t& map_bytes) {
  const std::uint64_t wanted = std::min(page_ceil(code_bytes / kCodePerMapByte), map.size());
  if (wanted <= map_bytes) return false;
  const AddressRange old = call.range();
  const AddressRange now{map.start + map_bytes, map.start + wanted};
  const std::size_t touched = draft.pages_touched(view.pid, old, call.event.ts).size();
  map_bytes = wanted;
  set_range(call, now);
  if (touched == old.size() / kPageSize && now.end > old.end) {
    draft.add_touches(call, {old.end, now.end});
  }
  return true;
}

}  // namespace

AddressRange Committed::add(AddressRange range) {
  AddressRange rest = range;
  while (rest.start < rest.end && pages_.contains(rest.start)) rest.start += kPageSize;
  while (rest.start < rest.end && pages_.contains(rest.end - kPageSize)) rest.end -= kPageSize;
  for (std::uint64_t at = rest.start; at < rest.end; at += kPageSize) pages_.insert(at);
  return rest;
}

Result<std::optional<CodeLayout>> lay_out_code(Draft& draft, const JvmView& view,
                                               const char* what) {
  const Structure* code = code_reservation(view);
  if (!code) return std::nullopt;
  std::vector<CodeSegment> segments = segments_of(draft, view, *code);
  if (segments.empty()) return std::nullopt;
  const std::uint64_t size = size_of_segments(view, huge_ceil(code->range.size()), segments);
  const bool fits = size == code->range.size() && code->range.start % kHugePageSize == 0;
  const std::uint64_t start =
      fits ? code->range.start
           : draft.find_free(view.pid, size, kHugePageSize, code->range.end, code->range);
  if (start == 0) return fail(what, "no place for the code cache on a huge page border");
  for (CodeSegment& segment : segments) {
    segment.now = AddressRange::of_size(start + segment.now.start, segment.now.size());
  }
  const Nanoseconds since = draft.calls()[code->call].event.ts;
  const AddressRange old_code = code->range;
  draft.relocate(view.pid, since, [&](std::uint64_t address) {
    if (!old_code.contains(address)) return address;
    for (const CodeSegment& segment : segments) {
      if (segment.old.contains(address)) return segment.now.start + (address - segment.old.start);
    }
    return address;
  });
  Call& reserve = draft.calls()[code->call];
  reserve.event.args[1] = size;
  reserve.event.ret = static_cast<std::int64_t>(start);
  return CodeLayout{code->call, AddressRange::of_size(start, size), std::move(segments)};
}

std::set<std::size_t> widen_code(Draft& draft, const JvmView& view, const CodeLayout& layout,
                                 const std::function<bool(Call& commit, AddressRange wide)>& keep) {
  std::set<std::size_t> dropped;
  for (const CodeSegment& segment : layout.segments) {
    Committed committed;
    std::uint64_t code_bytes = 0;
    const AddressRange map = view.code[segment.map].range;
    std::uint64_t map_bytes = 0;
    for (std::size_t i = layout.reserve + 1; i < draft.calls().size(); ++i) {
      Call& call = draft.calls()[i];
      if (call.event.pid != view.pid || !call.commits()) continue;
      if (segment.now.contains(call.range())) {
        AddressRange wide{huge_floor(call.range().start), huge_ceil(call.range().end)};
        wide = committed.add(wide.intersection(segment.now));
        code_bytes += wide.size();
        if (wide.empty() || !keep(call, wide)) dropped.insert(i);
      } else if (map.contains(call.range())) {
        if (!grow_map(draft, view, call, map, code_bytes, map_bytes)) dropped.insert(i);
      }
    }
  }
  return dropped;
}

void set_range(Call& call, AddressRange range) {
  call.event.args[0] = range.start;
  call.event.args[1] = range.size();
  call.event.ret = static_cast<std::int64_t>(range.start);
}

void erase_calls(Draft& draft, const std::set<std::size_t>& indices) {
  for (auto it = indices.rbegin(); it != indices.rend(); ++it) {
    draft.calls().erase(draft.calls().begin() + static_cast<std::ptrdiff_t>(*it));
  }
}

}  // namespace ft::sim::whatif
