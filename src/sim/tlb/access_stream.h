// AccessStream is where the addresses come from that a TLB is asked for: made up after a pattern,
// or read from what a tool recorded of a real program.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "sim/tlb/tlb.h"

namespace ft::sim::tlb {

enum class AccessKind : std::uint8_t { Load, Store, Fetch };

struct Access {
  std::uint64_t address = 0;
  AccessKind kind = AccessKind::Load;

  bool operator==(const Access&) const = default;
};

class AccessStream {
 public:
  virtual ~AccessStream() = default;
  // Puts the next accesses into `out`, as many as fit. How many; 0 at the end. After an Error the
  // stream is at its end. REQUIRES: `out` is not empty.
  virtual Result<std::size_t> next(std::span<Access> out) = 0;
};

struct RunSummary {
  std::uint64_t accesses = 0;
  std::uint64_t fetches = 0;  // of instructions: passed over, for the TLB is the data side's
};

// Sends a whole stream through a TLB. `size_of(address)` is the size of the page behind it.
template <typename SizeOf>
Result<RunSummary> run(Tlb& tlb, AccessStream& stream, SizeOf size_of) {
  constexpr std::size_t kAtOnce = 1024;
  RunSummary summary;
  std::vector<Access> accesses(kAtOnce);
  std::vector<std::uint64_t> alike;  // neighbours of one kind, to pages of one size
  alike.reserve(kAtOnce);
  while (const std::size_t count = FT_TRY(stream.next(accesses))) {
    DataAccess access = DataAccess::Load;
    PageSize size = PageSize::Small;
    const auto give = [&] {
      tlb.access_all(alike, size, access);
      alike.clear();
    };
    for (const Access& next : std::span(accesses).first(count)) {
      if (next.kind == AccessKind::Fetch) {
        ++summary.fetches;
        continue;
      }
      const DataAccess its_access =
          next.kind == AccessKind::Load ? DataAccess::Load : DataAccess::Store;
      const PageSize its_size = size_of(next.address);
      if (its_access != access || its_size != size) give();
      access = its_access;
      size = its_size;
      alike.push_back(next.address);
    }
    give();
    summary.accesses += count;
  }
  return summary;
}

// The same where all memory is mapped with pages of one size.
Result<RunSummary> run(Tlb& tlb, AccessStream& stream, PageSize size);

}  // namespace ft::sim::tlb
