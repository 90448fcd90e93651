#include "analysis/arrivals.h"

#include <algorithm>
#include <utility>

namespace ft::analysis {

void Arrivals::on_resident(AddressRange range) {
  if (now_.too_many || range.empty()) return;
  if (!now_.runs.empty() && now_.runs.back().end == range.start) {
    now_.runs.back().end = range.end;
  } else if (now_.runs.size() < kMostRuns) {
    now_.runs.push_back(range);
  } else {
    now_ = {.runs = {}, .too_many = true};
  }
}

std::optional<std::vector<AddressRange>> Arrivals::end_walk() {
  const std::optional<Walk> before = std::exchange(before_, std::exchange(now_, {}));
  if (!before || before->too_many || before_->too_many) return std::nullopt;
  std::vector<AddressRange> arrived;
  auto old = before->runs.begin();
  for (AddressRange run : before_->runs) {
    while (old != before->runs.end() && old->end <= run.start) ++old;
    for (auto part = old; part != before->runs.end() && part->start < run.end; ++part) {
      if (part->start > run.start) arrived.push_back({run.start, part->start});
      run.start = std::min(part->end, run.end);
    }
    if (!run.empty()) arrived.push_back(run);
  }
  return arrived;
}

}  // namespace ft::analysis
