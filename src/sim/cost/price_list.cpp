#include "sim/cost/price_list.h"

#include <algorithm>
#include <utility>

namespace ft::sim::cost {

using profile::Cost;

PriceList PriceList::of_machine(const profile::MachineCosts& costs) {
  PriceList list;
  for (std::size_t i = 0; i < profile::kCosts; ++i) {
    const auto cost = static_cast<Cost>(i);
    if (const auto recorded = costs.recorded_ns.of(cost)) {
      list.set(cost, {*recorded, costs.recorded_spread.of(cost), Origin::MachineRecorded,
                      costs.recorded_cold_ns.of(cost)});
    } else if (const auto program = costs.cost_ns.of(cost)) {
      list.set(cost, {*program, costs.cost_spread.of(cost), Origin::MachineProgram});
    }
  }
  list.take_from_relatives();
  return list;
}

void PriceList::take_from_relatives() {
  constexpr std::array<std::pair<Cost, Cost>, 3> kRelatives = {
      {{Cost::FaultAnon2mOfTwo, Cost::FaultAnon2m},
       {Cost::FaultCowMapped, Cost::FaultCow},
       {Cost::MmapFile, Cost::Mmap}}};
  const auto take = [this](Cost cost, Cost relative) {
    auto& price = prices_[static_cast<std::size_t>(cost)];
    if (!price) price = of(relative);
  };
  for (const auto& [special, usual] : kRelatives) {
    take(special, usual);
    take(usual, special);
  }
}

std::optional<Price> PriceList::of(PartId part) const {
  const auto found = nameless_.find(part);
  return found == nameless_.end() ? std::nullopt : std::optional(found->second);
}

void PriceList::complete(const PriceList& other) {
  for (std::size_t i = 0; i < prices_.size(); ++i) {
    if (!prices_[i]) prices_[i] = other.prices_[i];
  }
  nameless_.insert(other.nameless_.begin(), other.nameless_.end());
}

bool PriceList::empty() const {
  return nameless_.empty() &&
         std::ranges::none_of(prices_, [](const auto& price) { return price.has_value(); });
}

}  // namespace ft::sim::cost
