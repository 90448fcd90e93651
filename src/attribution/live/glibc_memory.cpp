#include "attribution/live/glibc_memory.h"

#include <algorithm>
#include <array>

#include "base/units.h"

namespace ft::attribution {

namespace {

using jvm::read_value;
using jvm::ReadMemory;

// struct pthread is about 2,300 bytes in every release so far, aligned to 64; its head is the
// thread control block {itself, dtv, itself}.
constexpr std::uint64_t kPthreadAlignment = 64;
constexpr std::size_t kPthreadWords = 288;
constexpr std::uint64_t kTopBytes = 2 * kPageSize;
constexpr std::size_t kMostThreads = 200'000;

bool is_pthread(std::uint64_t address, const ReadMemory& memory) {
  const auto self = read_value<std::uint64_t>(memory, address);
  const auto again = read_value<std::uint64_t>(memory, address + 16);
  return self == address && again == address;
}

struct PthreadShape {
  std::uint64_t tid_at = 0;    // offset of tid
  std::uint64_t block_at = 0;  // offset of {stackblock, stackblock_size}
};

// The block: a page-aligned start below the object, and a size that reaches just above it.
std::optional<AddressRange> block_at(std::uint64_t pthread, std::uint64_t offset,
                                     const ReadMemory& memory) {
  const auto start = read_value<std::uint64_t>(memory, pthread + offset);
  const auto size = read_value<std::uint64_t>(memory, pthread + offset + 8);
  if (!start || !size || *start == 0 || *start % kPageSize != 0 || *size % kPageSize != 0) {
    return std::nullopt;
  }
  if (*start >= pthread || *size > kGiB * 64 || *start + *size <= pthread) return std::nullopt;
  if (*start + *size - pthread > kTopBytes) return std::nullopt;
  return AddressRange::of_size(*start, *size);
}

std::optional<PthreadShape> shape_of(std::uint64_t pthread, const std::set<event::Tid>& tids,
                                     const ReadMemory& memory) {
  PthreadShape shape;
  for (std::uint64_t at = 0x100; at < 8 * kPthreadWords && shape.tid_at == 0; at += 4) {
    const auto tid = read_value<std::int32_t>(memory, pthread + at);
    // The list's two pointers lie before the tid (struct pthread: list, tid).
    if (tid && tids.contains(*tid)) shape.tid_at = at;
  }
  for (std::uint64_t at = 0x100; at < 8 * kPthreadWords && shape.block_at == 0; at += 8) {
    if (block_at(pthread, at, memory)) shape.block_at = at;
  }
  return shape.block_at != 0 ? std::optional(shape) : std::nullopt;
}

}  // namespace

std::optional<PthreadStack> pthread_below(std::uint64_t end, const std::set<event::Tid>& tids,
                                          const ReadMemory& memory) {
  for (std::uint64_t at = end - kPthreadAlignment; at >= end - kTopBytes; at -= kPthreadAlignment) {
    if (!is_pthread(at, memory)) continue;
    const auto shape = shape_of(at, tids, memory);
    if (!shape) return std::nullopt;
    const auto tid = shape->tid_at != 0 ? read_value<std::int32_t>(memory, at + shape->tid_at)
                                        : std::optional<std::int32_t>(0);
    return PthreadStack{tid.value_or(0), *block_at(at, shape->block_at, memory), at};
  }
  return std::nullopt;
}

std::vector<PthreadStack> pthread_list(std::uint64_t pthread, const std::set<event::Tid>& tids,
                                       const ReadMemory& memory) {
  std::vector<PthreadStack> stacks;
  if (!is_pthread(pthread, memory)) return stacks;
  const auto shape = shape_of(pthread, tids, memory);
  if (!shape || shape->tid_at < 16) return stacks;
  const std::uint64_t list_at = shape->tid_at - 16;
  const std::uint64_t first = pthread + list_at;
  std::uint64_t node = first;
  for (std::size_t i = 0; i < kMostThreads; ++i) {
    const std::uint64_t object = node - list_at;
    // The list's head belongs to the C library itself and is no thread.
    if (is_pthread(object, memory)) {
      const auto tid = read_value<std::int32_t>(memory, object + shape->tid_at);
      const auto block = block_at(object, shape->block_at, memory);
      if (tid && block && tids.contains(*tid)) stacks.push_back({*tid, *block, object});
    }
    const auto next = read_value<std::uint64_t>(memory, node);
    if (!next || *next == first || *next < kPageSize) break;
    node = *next;
  }
  return stacks;
}

// struct _heap_info {arena, previous heap, size, usable size, ...}; the first heap of an arena
// holds the arena itself, right behind.
std::optional<ArenaHeap> arena_heap_at(std::uint64_t start, const ReadMemory& memory) {
  const auto arena = read_value<std::uint64_t>(memory, start);
  const auto previous = read_value<std::uint64_t>(memory, start + 8);
  const auto size = read_value<std::uint64_t>(memory, start + 16);
  if (!arena || !previous || !size) return std::nullopt;
  if (*size == 0 || *size > kArenaHeapSize || *size % kPageSize != 0) return std::nullopt;
  const std::uint64_t home = *arena / kArenaHeapSize * kArenaHeapSize;
  if (*arena - home < 32 || *arena - home > 256 || *arena % 8 != 0) return std::nullopt;
  if (*previous % kArenaHeapSize != 0) return std::nullopt;
  if ((*previous == 0) != (home == start)) return std::nullopt;
  return ArenaHeap{start, *arena};
}

// {size of what lies before, size | flags}: IS_MMAPPED alone is set.
std::optional<std::uint64_t> mmapped_chunk_at(std::uint64_t start, std::uint64_t limit,
                                              const ReadMemory& memory) {
  constexpr std::uint64_t kFlags = 7;
  constexpr std::uint64_t kIsMmapped = 2;
  const auto before = read_value<std::uint64_t>(memory, start);
  const auto word = read_value<std::uint64_t>(memory, start + 8);
  if (!before || !word || *before != 0 || (*word & kFlags) != kIsMmapped) return std::nullopt;
  const std::uint64_t size = *word & ~kFlags;
  if (size == 0 || size % kPageSize != 0 || size > limit) return std::nullopt;
  return size;
}

}  // namespace ft::attribution
