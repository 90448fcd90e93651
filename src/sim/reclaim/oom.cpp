#include "sim/reclaim/oom.h"

#include <limits>

#include "base/units.h"

namespace ft::sim::reclaim {

std::optional<std::int64_t> badness(const OomCandidate& candidate, std::uint64_t total_pages) {
  if (candidate.unkillable || candidate.reaped || candidate.score_adj == kNeverKill) {
    return std::nullopt;
  }
  const std::uint64_t pages =
      candidate.resident_pages + candidate.swapped_pages + candidate.table_bytes / kPageSize;
  // The division comes first: of less than 1000 pages an adjustment is nothing.
  return static_cast<std::int64_t>(pages) +
         candidate.score_adj * static_cast<std::int64_t>(total_pages / 1000);
}

std::uint64_t shown_score(const OomCandidate& candidate, std::uint64_t total_pages) {
  const auto points = badness(candidate, total_pages);
  if (!points || total_pages == 0) return 0;
  const std::int64_t score =
      (1000 + *points * 1000 / static_cast<std::int64_t>(total_pages)) * 2 / 3;
  return score > 0 ? static_cast<std::uint64_t>(score) : 0;
}

OomChoice choose_victim(std::span<const OomCandidate> candidates, std::uint64_t total_pages) {
  OomChoice choice;
  std::int64_t most = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].unkillable) continue;
    if (candidates[i].dying) {
      if (candidates[i].reaped) continue;
      return {.verdict = OomVerdict::Wait};
    }
    const auto points = badness(candidates[i], total_pages);
    if (!points || *points < most) continue;
    most = *points;
    choice = {.verdict = OomVerdict::Kill, .victim = i, .points = most};
  }
  return choice;
}

}  // namespace ft::sim::reclaim
