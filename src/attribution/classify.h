// Gives every area of a replay its owner: by the stack that made it, by file, by the shape glibc
// gives its arenas, by names of /proc, by order and size among its neighbours
// (docs/attribution.md).
#pragma once

#include <cstdint>
#include <vector>

#include "attribution/owner_history.h"
#include "attribution/replay.h"

namespace ft::attribution {

// From `start` upwards to the next zone, or the end of the area.
struct Zone {
  std::uint64_t start = 0;
  Owner owner;
};

struct AreaOwner {
  Owner owner;
  std::vector<Zone> zones;  // by start; empty: `owner` all over. Below the first: `owner`
  // A file mapped into the area belongs to whoever owns the area, not to its path.
  bool owns_files = false;
};

// One for each of replay.areas.
std::vector<AreaOwner> classify(const event::Trace& trace, const Replay& replay, CallFacts& facts);

// What a mapped file's path says about its owner.
Owner owner_of_file(std::string_view path, bool executable);

}  // namespace ft::attribution
