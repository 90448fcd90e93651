// How much of malloc's memory is in use: what its arenas took from the kernel, less what lies on
// their lists of free chunks and at their tops. The target is not stopped and takes no lock: where
// it changes a list meanwhile the sums are off by what changed, and where a list does not read as
// one, nothing is said.
//
// Source: glibc malloc/malloc.c, struct malloc_state (2.26 to 2.41).
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "jvm/vm_structs.h"

namespace ft::attribution {

struct MallocUse {
  std::uint64_t from_system = 0;  // bytes that the arenas hold; blocks from mmap not among them
  std::uint64_t free = 0;         // of it, not handed out: free chunks and tops
  std::uint64_t arenas = 0;       // the main one included
};

// `arenas`: addresses of some of them; their list leads to all others. Chunks kept by threads for
// themselves (tcache) and in fast bins count as in use.
std::optional<MallocUse> read_malloc_use(const std::set<std::uint64_t>& arenas,
                                         const jvm::ReadMemory& memory);

}  // namespace ft::attribution
