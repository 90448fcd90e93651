#include "attribution/shapes.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>

namespace ft::attribution {

namespace {

using jvm::Subsystem;

constexpr std::uint64_t kCompressedOopsLimit = 32 * kGiB;
constexpr std::uint64_t kMetaspaceNode = 64 * kMiB;
constexpr std::uint64_t kMetaspaceGranule = 64 * kKiB;
constexpr std::uint64_t kSegmentMapCommit = 20480;
constexpr std::uint64_t kMallocThreshold = 128 * kKiB;
constexpr std::uint64_t kZgcViews = std::uint64_t{1} << 42;

const event::Syscall& call_at(const ShapeSight& sight, std::int32_t index) {
  return sight.trace.syscalls[static_cast<std::size_t>(index)];
}

template <typename Test>
bool any_commit(const ShapeSight& sight, const Area& area, Test test) {
  return std::ranges::any_of(area.commits,
                             [&](std::int32_t index) { return test(call_at(sight, index)); });
}

std::string_view file_of(const ShapeSight& sight, const event::Syscall& call) {
  const auto index = static_cast<std::size_t>(call.file);
  return call.file >= 0 && index < sight.trace.files.size()
             ? std::string_view(sight.trace.files[index].path)
             : std::string_view();
}

AreaOwner guess(Subsystem subsystem, std::string_view detail = {}) {
  return {{subsystem, Evidence::Size, std::string(detail)}, {}, true};
}

// A PROT_NONE reservation of a JVM.
AreaOwner owner_of_reserve(const ShapeSight& sight, AreaId id) {
  const Area& area = sight.replay.areas[id];
  const std::uint64_t size = area.extent.empty() ? area.born.size() : area.extent.size();
  const std::uint64_t hint = area.made_by >= 0 ? call_at(sight, area.made_by).addr() : 0;

  if (any_commit(sight, area, [&](const event::Syscall& call) {
        const std::string_view path = file_of(sight, call);
        return path.ends_with(".jsa") || path.ends_with(".aot") ||
               path.find("memfd:java_heap") != path.npos;
      })) {
    return guess(Subsystem::JavaHeap);  // an archive at the base was ruled out before
  }
  if (any_commit(sight, area,
                 [](const event::Syscall& call) { return (call.prot() & PROT_EXEC) != 0; })) {
    return guess(Subsystem::CodeCache);
  }
  if (hint >= kZgcViews && size >= kGiB) return guess(Subsystem::JavaHeap);
  if (hint != 0 && size >= 2 * kMiB) {
    // The heap is the largest reservation with a hint; the class space is asked for the same way.
    const auto largest = sight.largest_hinted.find(area.space);
    if (largest != sight.largest_hinted.end() && largest->second > size) {
      return guess(Subsystem::ClassSpace);
    }
    return guess(hint < kCompressedOopsLimit + kGiB ? Subsystem::JavaHeap : Subsystem::ClassSpace);
  }
  if (size == kMetaspaceNode && !area.commits.empty() &&
      std::ranges::all_of(area.commits, [&](std::int32_t index) {
        return call_at(sight, index).length() % kMetaspaceGranule == 0;
      })) {
    return guess(Subsystem::Metaspace);
  }
  if (size <= 2 * kMiB && any_commit(sight, area, [](const event::Syscall& call) {
        return call.length() == kSegmentMapCommit;
      })) {
    return guess(Subsystem::CodeCache, "segment map");
  }
  if (size == kPageSize) return guess(Subsystem::JvmInternal, "poison page");
  if (size == 2 * kPageSize && hint == 0) return guess(Subsystem::JvmInternal, "safepoint page");
  return guess(Subsystem::GcOther);
}

// The shapes of areas found at attach: all there is, is how they look in /proc/PID/maps.
AreaOwner owner_of_found(const Area& area) {
  const AddressRange born = area.born;
  if ((area.prot & PROT_EXEC) != 0 && (area.prot & PROT_WRITE) != 0) {
    return guess(Subsystem::CodeCache);
  }
  if (born.start % kArenaSize == 0 && born.size() < kArenaSize &&
      area.prot == (PROT_READ | PROT_WRITE)) {
    return {{Subsystem::CHeap, Evidence::ArenaShape, "arena"}, {}, false};
  }
  if (born.start < kCompressedOopsLimit && born.size() >= 2 * kMiB) {
    return guess(Subsystem::JavaHeap);
  }
  return {};
}

}  // namespace

bool looks_like_arena_reserve(const Area& area) {
  return area.prot == PROT_NONE && (area.flags & MAP_NORESERVE) != 0 &&
         (area.born.size() == kArenaSize || area.born.size() == 2 * kArenaSize);
}

bool is_arena_extent(AddressRange extent) {
  return extent.size() == kArenaSize && extent.start % kArenaSize == 0;
}

bool has_arena_shape(const Area& area, const event::Trace& trace) {
  if (!looks_like_arena_reserve(area)) return false;
  // Not aligned by itself: given back before anything was made usable.
  if (area.first_protect < 0 && area.commits.empty()) {
    return !area.outlived && area.born.size() == kArenaSize;
  }
  if (!is_arena_extent(area.extent) || area.first_protect < 0) return false;
  const event::Syscall& first = trace.syscalls[static_cast<std::size_t>(area.first_protect)];
  return first.addr() == area.extent.start && first.length() >= kArenaFirstCommit &&
         first.prot() == (PROT_READ | PROT_WRITE);
}

ShapeSight make_shape_sight(const event::Trace& trace, const Replay& replay,
                            const std::vector<AreaOwner>& owners) {
  ShapeSight sight{trace, replay, owners, {}};
  for (const Area& area : replay.areas) {
    if (area.made_by < 0 || area.prot != PROT_NONE) continue;
    const event::Syscall& call = call_at(sight, area.made_by);
    if (call.number != event::SyscallNumber::Mmap || call.addr() == 0 ||
        call.addr() >= kCompressedOopsLimit + kGiB) {
      continue;
    }
    std::uint64_t& largest = sight.largest_hinted[area.space];
    largest = std::max(largest, area.extent.size());
  }
  return sight;
}

AreaOwner owner_by_shape(const ShapeSight& sight, AreaId id, const StackFacts& facts, bool in_jvm) {
  const Area& area = sight.replay.areas[id];
  if (area.origin == AreaOrigin::Snapshot) {
    return in_jvm && area.name.empty() ? owner_of_found(area) : AreaOwner{};
  }
  if (area.origin != AreaOrigin::Call || (area.flags & MAP_ANONYMOUS) == 0) return {};
  const bool reserve = area.prot == PROT_NONE;
  const bool known_elsewhere = facts.caller == Caller::Other || facts.caller == Caller::Loader;
  if (known_elsewhere) {
    return {{Subsystem::Unknown, Evidence::None, fmt::format("from {}", base_name(facts.module))},
            {},
            false};
  }
  if (in_jvm && reserve && facts.caller != Caller::Libc) return owner_of_reserve(sight, id);
  // malloc takes what is large straight from mmap; ld.so and stdio want little at a time.
  if (!reserve && (area.flags & MAP_PRIVATE) != 0 && (area.flags & MAP_FIXED) == 0 &&
      (area.prot & PROT_EXEC) == 0 && (in_jvm || facts.only_libc)) {
    return area.born.size() > kMallocThreshold
               ? AreaOwner{{Subsystem::CHeap, Evidence::Size, ""}, {}, false}
               : AreaOwner{{Subsystem::Libraries, Evidence::Size, "loader"}, {}, false};
  }
  return {};
}

void find_missing_heaps(const ShapeSight& sight, std::vector<AreaOwner>& owners) {
  std::map<std::uint32_t, bool> has_heap;
  std::map<std::uint32_t, AreaId> largest;
  for (AreaId id = 1; id < owners.size(); ++id) {
    const Area& area = sight.replay.areas[id];
    const Owner& owner = owners[id].owner;
    if (owner.subsystem == Subsystem::JavaHeap) has_heap[area.space] = true;
    if (owner.subsystem != Subsystem::GcOther || owner.evidence != Evidence::Size) continue;
    AreaId& candidate = largest[area.space];
    const std::uint64_t size = area.extent.size();
    if (candidate == kNoArea || size > sight.replay.areas[candidate].extent.size()) candidate = id;
  }
  for (const auto& [space, id] : largest) {
    if (!has_heap[space] && sight.replay.areas[id].extent.size() >= 2 * kMiB) {
      owners[id].owner = {Subsystem::JavaHeap, Evidence::Size, ""};
    }
  }
}

void name_tables_by_size(const ShapeSight& sight, std::vector<AreaOwner>& owners) {
  std::map<std::uint32_t, std::uint64_t> heap_of;
  for (AreaId id = 1; id < owners.size(); ++id) {
    const Area& area = sight.replay.areas[id];
    if (owners[id].owner.subsystem != Subsystem::JavaHeap) continue;
    std::uint64_t& heap = heap_of[area.space];
    heap = std::max(heap, area.extent.size());
  }
  std::map<std::uint32_t, std::size_t> tables;
  for (AreaId id = 1; id < owners.size(); ++id) {
    const Area& area = sight.replay.areas[id];
    Owner& owner = owners[id].owner;
    if (owner.subsystem != Subsystem::GcOther || owner.evidence != Evidence::Size) continue;
    const std::uint64_t heap = heap_of[area.space];
    const std::uint64_t size = area.extent.size();
    if (heap == 0 || size == 0) continue;
    if (size == heap / 64 || size == heap / 32) {
      owner.subsystem = Subsystem::GcMarkBitmap;
    } else if (size == heap / 512) {
      constexpr std::array kTables = {Subsystem::GcBlockOffsetTable, Subsystem::GcCardTable,
                                      Subsystem::GcCardCounts};
      const std::size_t order = tables[area.space]++;
      if (order < kTables.size()) owner.subsystem = kTables[order];
    } else if (size == heap / 512 + kPageSize) {
      owner.subsystem = Subsystem::GcCardTable;  // Serial and Parallel in 17: with a guard card
    }
  }
}

}  // namespace ft::attribution
