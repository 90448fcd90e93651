#include "sim/reclaim/scan_count.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/units.h"

namespace ft::sim::reclaim {

namespace {

// int_sqrt: rounded down.
std::uint64_t square_root(std::uint64_t value) {
  std::uint64_t root = 0;
  while ((root + 1) * (root + 1) <= value) ++root;
  return root;
}

Balance balance_of(const ScanInput& input) {
  if (!input.can_swap) return Balance::FileOnly;
  // Of a group, 0 means never; of the machine, only to avoid killing somebody.
  if (input.of_group && input.swappiness == 0) return Balance::FileOnly;
  if (input.priority == 0 && input.swappiness != 0) return Balance::Equal;
  if (input.little_file) return Balance::AnonymousOnly;
  if (input.trims_cache) return Balance::FileOnly;
  return Balance::Fraction;
}

// Pressure on anonymous memory and on files: the dearer a kind, the less of it, but never less than
// a third before swappiness.
std::array<std::uint64_t, 2> fractions(const ScanInput& input) {
  const std::uint64_t sum = input.anonymous_cost + input.file_cost;
  const std::uint64_t anonymous_cost = sum + input.anonymous_cost;
  const std::uint64_t file_cost = sum + input.file_cost;
  const std::uint64_t total = anonymous_cost + file_cost;
  return {input.swappiness * (total + 1) / (anonymous_cost + 1),
          (kMostSwappiness - input.swappiness) * (total + 1) / (file_cost + 1)};
}

std::uint64_t unprotected(const ScanInput& input, std::uint64_t size, bool& spared_low) {
  const Protection& promised = input.protection;
  if (promised.min == 0 && promised.low == 0) return size;
  std::uint64_t kept = promised.min;
  if (!input.breaks_low && promised.low > promised.min) {
    kept = promised.low;
    spared_low = true;
  }
  const std::uint64_t used = std::max(input.group_pages, kept);
  return std::max(size - size * kept / (used + 1), kClusterPages);
}

}  // namespace

std::uint64_t inactive_ratio(std::uint64_t pages) {
  const std::uint64_t gib = pages >> (30 - kPageShift);
  return gib == 0 ? 1 : square_root(10 * gib);
}

bool inactive_is_low(std::uint64_t inactive, std::uint64_t active) {
  return inactive * inactive_ratio(inactive + active) < active;
}

ScanTargets scan_targets(const ScanInput& input) {
  FT_CHECK(input.priority <= kFirstPriority && input.swappiness <= kMostSwappiness);
  ScanTargets targets;
  targets.balance = balance_of(input);
  const std::array<std::uint64_t, 2> share = fractions(input);
  for (std::size_t i = 0; i < kEvictableLists; ++i) {
    const bool file = is_file(static_cast<ListKind>(i));
    std::uint64_t scan = unprotected(input, input.sizes[i], targets.spared_low) >> input.priority;
    switch (targets.balance) {
      case Balance::Equal:
        break;
      case Balance::Fraction:
        scan = scan * share[file ? 1 : 0] / (share[0] + share[1]);
        break;
      case Balance::AnonymousOnly:
        if (file) scan = 0;
        break;
      case Balance::FileOnly:
        if (!file) scan = 0;
        break;
    }
    targets.pages[i] = scan;
  }
  return targets;
}

}  // namespace ft::sim::reclaim
