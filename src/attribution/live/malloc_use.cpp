#include "attribution/live/malloc_use.h"

#include "base/units.h"

namespace ft::attribution {

namespace {

using jvm::read_value;
using jvm::ReadMemory;

// {mutex, flags, have_fastchunks, fastbinsY[10], top, last_remainder, bins[254], binmap[4], next,
// next_free, attached_threads, system_mem, max_system_mem}
constexpr std::uint64_t kTopAt = 96;
constexpr std::uint64_t kBinsAt = 112;
constexpr std::uint64_t kBins = 127;
constexpr std::uint64_t kNextAt = 2160;
constexpr std::uint64_t kSystemMemoryAt = 2184;
// A chunk: {size of the one before, size | flags, next on the list, one before on the list}.
constexpr std::uint64_t kSizeAt = 8;
constexpr std::uint64_t kForwardAt = 16;
constexpr std::uint64_t kFlags = 7;

constexpr std::size_t kMostArenas = 4096;
constexpr std::size_t kMostChunks = 400'000;  // free ones, in all arenas
constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 44U;

class MallocReader {
 public:
  explicit MallocReader(const ReadMemory& memory) : memory_(memory) {}

  bool add_arena(std::uint64_t arena) {
    const auto held = word(arena + kSystemMemoryAt);
    const auto top = word(arena + kTopAt);
    if (!held || !top || *held > kMostMemory || *held % kPageSize != 0) return false;
    if (*held == 0) return true;  // never used
    const auto top_size = size_of(*top);
    if (!top_size || *top_size > *held) return false;
    std::uint64_t free = *top_size;
    for (std::uint64_t bin = 0; bin < kBins; ++bin) {
      if (!add_bin(arena + kBinsAt + bin * 16 - kForwardAt, free)) return false;
      if (free > *held) return false;
    }
    use_.from_system += *held;
    use_.free += free;
    ++use_.arenas;
    return true;
  }

  std::optional<std::uint64_t> next_of(std::uint64_t arena) const { return word(arena + kNextAt); }
  const MallocUse& use() const { return use_; }

 private:
  std::optional<std::uint64_t> word(std::uint64_t address) const {
    return read_value<std::uint64_t>(memory_, address);
  }

  std::optional<std::uint64_t> size_of(std::uint64_t chunk) const {
    const auto size = word(chunk + kSizeAt);
    if (!size) return std::nullopt;
    return *size & ~kFlags;
  }

  // A ring through `head`, which lies in the arena.
  bool add_bin(std::uint64_t head, std::uint64_t& free) {
    auto chunk = word(head + kForwardAt);
    while (chunk && *chunk != head) {
      if (*chunk == 0 || *chunk % 16 != 0 || ++chunks_ > kMostChunks) return false;
      const auto size = size_of(*chunk);
      if (!size || *size < 32 || *size > kMostMemory) return false;
      free += *size;
      chunk = word(*chunk + kForwardAt);
    }
    return chunk.has_value();
  }

  const ReadMemory& memory_;
  MallocUse use_;
  std::size_t chunks_ = 0;
};

}  // namespace

std::optional<MallocUse> read_malloc_use(const std::set<std::uint64_t>& arenas,
                                         const ReadMemory& memory) {
  if (arenas.empty()) return std::nullopt;
  MallocReader reader(memory);
  std::set<std::uint64_t> seen;
  std::uint64_t arena = *arenas.begin();
  while (seen.insert(arena).second) {
    if (arena % 8 != 0 || seen.size() > kMostArenas || !reader.add_arena(arena)) {
      return std::nullopt;
    }
    const auto next = reader.next_of(arena);
    if (!next) return std::nullopt;
    arena = *next;
  }
  // The list is a ring, and all that were found otherwise are on it.
  if (arena != *arenas.begin()) return std::nullopt;
  for (const std::uint64_t known : arenas) {
    if (!seen.contains(known)) return std::nullopt;
  }
  return reader.use();
}

}  // namespace ft::attribution
