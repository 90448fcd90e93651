#include "sim/tlb/counts.h"

#include <fmt/format.h>

#include <cmath>

namespace ft::sim::tlb {

std::uint64_t Counts::misses(PageSize size) const {
  std::uint64_t sum = 0;
  for (const std::uint64_t of_length : walks[index_of(size)]) sum += of_length;
  return sum;
}

std::uint64_t Counts::misses() const {
  std::uint64_t sum = 0;
  for (const PageSize size : kAllPageSizes) sum += misses(size);
  return sum;
}

// A walk of n loads for a page whose own entry is `leaf` steps up loads those of leaf..leaf+n-1.
std::uint64_t Counts::loads_of(unsigned steps) const {
  std::uint64_t sum = 0;
  for (unsigned leaf = 0; leaf < kPageSizes && leaf <= steps; ++leaf) {
    for (unsigned length = steps - leaf + 1; length <= kMaxLevels; ++length) {
      sum += walks[leaf][length];
    }
  }
  return sum;
}

std::uint64_t Counts::guest_loads() const {
  std::uint64_t sum = 0;
  for (const auto& by_length : walks) {
    for (unsigned length = 1; length <= kMaxLevels; ++length) sum += length * by_length[length];
  }
  return sum;
}

Counts& Counts::operator+=(const Counts& other) {
  for (unsigned size = 0; size < kPageSizes; ++size) {
    l1_hits[size] += other.l1_hits[size];
    l2_hits[size] += other.l2_hits[size];
    for (unsigned length = 0; length <= kMaxLevels; ++length) {
      walks[size][length] += other.walks[size][length];
    }
  }
  nested_loads += other.nested_loads;
  invalidated += other.invalidated;
  return *this;
}

Result<void> validate(const CostTable& costs, std::string_view key) {
  const auto possible = [&](double cost, std::string_view name) -> Result<void> {
    if (std::isfinite(cost) && cost >= 0) return {};
    return fail(fmt::format("{}.{}", key, name), fmt::format("{} is not a number of cycles", cost),
                "give 0 or more");
  };
  FT_TRY_VOID(possible(costs.l2_hit, "l2_hit"));
  FT_TRY_VOID(possible(costs.walk, "walk"));
  for (unsigned steps = 0; steps < kMaxLevels; ++steps) {
    FT_TRY_VOID(possible(costs.load[steps], fmt::format("load[{}]", steps)));
  }
  return possible(costs.nested_load, "nested_load");
}

double cycles(const Counts& counts, const CostTable& costs) {
  double sum = static_cast<double>(counts.l2_hits_total()) * costs.l2_hit +
               static_cast<double>(counts.misses()) * costs.walk +
               static_cast<double>(counts.nested_loads) * costs.nested_load;
  for (unsigned steps = 0; steps < kMaxLevels; ++steps) {
    sum += static_cast<double>(counts.loads_of(steps)) * costs.load[steps];
  }
  return sum;
}

}  // namespace ft::sim::tlb
