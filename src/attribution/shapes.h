// What a mapping's size, alignment, flags and first use say about its owner where no stack does: a
// recording without stacks, frames that broke off inside malloc, a process attached to. Weaker than
// every other evidence; what it gets wrong is known (docs/attribution.md).
#pragma once

#include <map>
#include <vector>

#include "attribution/classify.h"

namespace ft::attribution {

// glibc reserves 128 MiB to find an aligned 64 MiB in it, or 64 MiB behind the last one.
inline constexpr std::uint64_t kArenaSize = 64 * kMiB;
// The first mprotect of a new arena (HEAP_MIN_SIZE and its page of slack) makes this much usable.
inline constexpr std::uint64_t kArenaFirstCommit = 135168;

bool looks_like_arena_reserve(const Area& area);
bool is_arena_extent(AddressRange extent);
// Reserved like an arena, trimmed like one, and first made usable from its base by mprotect: a side
// table of the same size is committed by a FIXED mmap instead.
bool has_arena_shape(const Area& area, const event::Trace& trace);

struct ShapeSight {
  const event::Trace& trace;
  const Replay& replay;
  const std::vector<AreaOwner>& owners;  // as far as they are known
  // The largest reservation made with a hint below the compressed oops' reach, per space: the heap.
  std::map<std::uint32_t, std::uint64_t> largest_hinted;
};

ShapeSight make_shape_sight(const event::Trace& trace, const Replay& replay,
                            const std::vector<AreaOwner>& owners);

AreaOwner owner_by_shape(const ShapeSight& sight, AreaId id, const StackFacts& facts, bool in_jvm);

// A heap asked for without a hint (no compressed oops) and without an archive in it is the largest
// reservation of its process.
void find_missing_heaps(const ShapeSight& sight, std::vector<AreaOwner>& owners);

// Second pass: side tables by their ratio to the heap, once the heap is known.
void name_tables_by_size(const ShapeSight& sight, std::vector<AreaOwner>& owners);

}  // namespace ft::attribution
