// Estimate is work times prices: kernel mm time by part, with what the prices' spreads leave open
// and what no price is known for. Time that goes to waiting (for locks, for the processor) is no
// operation of the kernel's and not in it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/units.h"
#include "sim/cost/price_list.h"
#include "sim/cost/work.h"

namespace ft::sim::cost {

struct PartTime {
  PartId part;
  std::uint64_t count = 0;  // faults, or calls
  double ns = 0;
  std::uint64_t operations = 0;
  std::uint64_t unpriced = 0;  // of the operations
};

// Operations of a part that nobody has a price for.
struct Unpriced {
  PartId part;
  std::optional<profile::Cost> cost;  // nothing: one that has no name
  std::uint64_t count = 0;
};

struct Estimate {
  std::vector<PartTime> parts;  // faults before calls
  std::vector<Unpriced> unpriced;
  std::uint64_t operations = 0;
  std::uint64_t operations_unpriced = 0;
  double fault_ns = 0;    // without those that wait for storage
  double storage_ns = 0;  // major faults
  double call_ns = 0;
  // Half the spread of each price, over all operations of that kind: they are taken to be off
  // together, those of different kinds by chance (root of the squares).
  double uncertainty_ns = 0;
  double ns_without_spread = 0;          // of prices whose spread is not told
  std::array<double, kOrigins> ns_by{};  // by who says the price

  double ns() const { return fault_ns + storage_ns + call_ns; }
  // Otherwise the sum is a lower bound.
  bool complete() const { return operations_unpriced == 0; }
  double share_unpriced() const;
  const PartTime* of(PartId part) const;
};

Estimate estimate(const Work& work, const PriceList& prices);

// As a whole number; the largest there is for what is larger.
Nanoseconds whole_ns(double ns);

}  // namespace ft::sim::cost
