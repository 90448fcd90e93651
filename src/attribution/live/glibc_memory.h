// What the GNU C library leaves in memory for those who know its structures: the threads with their
// stacks, the arenas of malloc, and the chunks that malloc took from mmap. Each is recognised by
// its shape (a pointer to itself, a size that fits the mapping), so nothing depends on a release.
//
// Source: glibc nptl/descr.h, nptl/allocatestack.c, sysdeps/x86_64/nptl/tls.h, malloc/arena.c,
// malloc/malloc.c (2.28 to 2.41).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "base/range.h"
#include "event/event.h"
#include "jvm/vm_structs.h"

namespace ft::attribution {

struct PthreadStack {
  event::Tid tid = 0;  // 0: a stack kept for the next thread
  AddressRange block;  // guard page included
  std::uint64_t pthread = 0;
};

// The thread object at the very top of a stack mapping that ends at `end`; nothing where there is
// none. `tids`: of the process now.
std::optional<PthreadStack> pthread_below(std::uint64_t end, const std::set<event::Tid>& tids,
                                          const jvm::ReadMemory& memory);

// All threads in the C library's list of stacks in use, found through one of them.
std::vector<PthreadStack> pthread_list(std::uint64_t pthread, const std::set<event::Tid>& tids,
                                       const jvm::ReadMemory& memory);

// A heap of an arena: 64 MiB of address space, aligned to 64 MiB, used from its start.
struct ArenaHeap {
  std::uint64_t start = 0;
  std::uint64_t arena = 0;  // the arena's own address: the same for all of its heaps
};
inline constexpr std::uint64_t kArenaHeapSize = std::uint64_t{64} << 20U;

// REQUIRES: start % kArenaHeapSize == 0.
std::optional<ArenaHeap> arena_heap_at(std::uint64_t start, const jvm::ReadMemory& memory);

// Bytes of the chunk that malloc took from mmap and that begins here, header included; nothing
// where none does, or where it would not fit into `limit` bytes.
std::optional<std::uint64_t> mmapped_chunk_at(std::uint64_t start, std::uint64_t limit,
                                              const jvm::ReadMemory& memory);

}  // namespace ft::attribution
