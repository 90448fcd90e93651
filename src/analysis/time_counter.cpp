#include "analysis/time_counter.h"

#include <algorithm>

namespace ft::analysis {

TimeCounter::TimeCounter(Nanoseconds expected_end)
    : bin_ns_(std::max<Nanoseconds>(expected_end / static_cast<Nanoseconds>(kMostBins) + 1, 1)) {}

void TimeCounter::add(Nanoseconds ts, std::uint32_t row, std::uint64_t count) {
  if (count == 0) return;
  const Nanoseconds at = std::max<Nanoseconds>(ts, 0);
  while (static_cast<std::uint64_t>(at / bin_ns_) >= kMostBins) widen();
  by_key_[static_cast<std::uint64_t>(at / bin_ns_) << 32U | row] += count;
}

void TimeCounter::widen() {
  std::unordered_map<std::uint64_t, std::uint64_t> wider;
  for (const auto& [key, count] : by_key_) {
    wider[(key >> 33U) << 32U | (key & 0xffffffffU)] += count;
  }
  by_key_ = std::move(wider);
  bin_ns_ *= 2;
}

report::model::TimeCounts TimeCounter::counts(std::vector<std::string> rows) const {
  report::model::TimeCounts out;
  out.bin_ns = bin_ns_;
  out.rows = std::move(rows);
  out.entries.reserve(by_key_.size());
  for (const auto& [key, count] : by_key_) {
    out.entries.push_back(
        {static_cast<std::uint32_t>(key >> 32U), static_cast<std::uint32_t>(key), count});
  }
  std::ranges::sort(out.entries, {}, [](const report::model::TimeCounts::Entry& entry) {
    return std::pair(entry.bin, entry.row);
  });
  return out;
}

}  // namespace ft::analysis
