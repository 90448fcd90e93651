// How much of each owner's memory the subject had at its end: mapped and committed from the
// replayed calls, resident from the kernel's smaps, shared out among owners where one area of the
// kernel holds several.
#pragma once

#include <optional>
#include <vector>

#include "analysis/residency.h"
#include "analysis/subject.h"
#include "attribution/owner_history.h"

namespace ft::analysis {

struct OwnerMemory {
  std::uint64_t reserved = 0;
  std::uint64_t committed = 0;
  std::uint64_t resident = 0;
  std::uint64_t huge = 0;
  std::uint64_t swapped = 0;  // by the kernel's figures alone
};

enum class ResidentSource : std::uint8_t {
  Nothing,  // neither faults nor smaps
  Faults,   // the accounting of faults alone
  Smaps,    // the kernel's own figures
};

struct MemoryAtEnd {
  std::vector<OwnerMemory> by_owner;  // by OwnerId
  ResidentSource source = ResidentSource::Nothing;
  std::uint64_t shared_out =
      0;  // resident bytes of areas with several owners, split by touched pages
};

enum class FaultsSeen : bool { No, Yes };

MemoryAtEnd memory_at_end(const Subject& subject, const std::vector<attribution::Region>& regions,
                          std::size_t owner_count, const Residency& residency, FaultsSeen faults);

// Shares `whole` out by weight, in units of `unit`; the parts add up to it exactly. All of it goes
// to the first part where every weight is 0. REQUIRES: weights is not empty.
std::vector<std::uint64_t> shared_by_weight(std::uint64_t whole,
                                            const std::vector<std::uint64_t>& weights,
                                            std::uint64_t unit);

// The same for parts of which so much is known to be there: `whole` goes by that, and what is
// beyond by the rest of each part. REQUIRES: both are of one length and not empty.
std::vector<std::uint64_t> shared_by_touch(std::uint64_t whole,
                                           const std::vector<std::uint64_t>& touched,
                                           const std::vector<std::uint64_t>& rest);

}  // namespace ft::analysis
