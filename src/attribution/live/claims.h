// Claims are what is known of whole ranges of a running process before its mappings are looked at
// one by one: ranges that the JVM or the C library name themselves, and ranges recognised by their
// shape.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "attribution/owner_history.h"
#include "base/interval_map.h"
#include "event/event.h"
#include "host/maps.h"
#include "jvm/hotspot_memory.h"

namespace ft::attribution {

struct Claim {
  Owner owner;
  bool owns_files = false;  // a file mapped there belongs to the range, not to its path
};
using Claims = IntervalMap<Claim>;

// The detail of a block that malloc took from mmap.
inline constexpr std::string_view kLargeBlock = "large block";

// Names of the process's threads now, by tid.
using ThreadNames = std::map<event::Tid, std::string>;

// What the JVM says itself.
void claim_hotspot(const jvm::HotSpotMemory& jvm, Claims& claims);

// The stacks of a JVM's threads (`in_jvm`), or of any other process.
void claim_stacks(std::span<const host::Vma> areas, const jvm::HotSpotMemory& jvm, bool in_jvm,
                  const ThreadNames& threads, const jvm::ReadMemory& memory, Claims& claims);

// malloc's arenas, and its chunks from mmap, in memory that nobody has claimed. The addresses of
// the arenas.
std::set<std::uint64_t> claim_malloc(std::span<const host::Vma> areas,
                                     const jvm::ReadMemory& memory, Claims& claims);

// By size, rights and neighbours alone; for a JVM whose memory may not be read.
void claim_by_shape(std::span<const host::Vma> areas, Claims& claims);

// Parts of `range` that nobody has claimed.
std::vector<AddressRange> unclaimed(AddressRange range, const Claims& claims);

inline bool is_anonymous(const host::Vma& area) {
  return area.inode == 0 && (area.name.empty() || area.name.starts_with("[anon")) && !area.shared;
}

}  // namespace ft::attribution
