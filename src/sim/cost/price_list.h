// PriceList says what an operation takes, how far that is known, and who says so.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "sim/cost/work.h"
#include "sim/profile/costs.h"

namespace ft::sim::cost {

// Where a price comes from.
enum class Origin : std::uint8_t {
  MachineRecorded,  // [recorded_ns] of a machine file: what a recording of it shows
  MachineProgram,   // [cost_ns]: with entering and leaving the kernel, without probes
  Recording,        // the recording that is replayed
};
inline constexpr std::size_t kOrigins = 3;

struct Price {
  double ns = 0;  // finite, not negative
  // The middle half of what was measured, over its median; nothing: not told.
  std::optional<double> spread;
  Origin origin = Origin::Recording;
  // Where the thread has done other work for long; nothing: the same.
  std::optional<double> cold_ns = {};

  double cold() const { return cold_ns.value_or(ns); }
};

class PriceList {
 public:
  // [recorded_ns] and [recorded_cold_ns]; [cost_ns] for what is missing there; relatives.
  static PriceList of_machine(const profile::MachineCosts& costs);

  void set(profile::Cost cost, const Price& price) {
    prices_[static_cast<std::size_t>(cost)] = price;
  }
  // Of what has no name in a machine file.
  void set(PartId part, const Price& price) { nameless_.insert_or_assign(part, price); }

  const std::optional<Price>& of(profile::Cost cost) const {
    return prices_[static_cast<std::size_t>(cost)];
  }
  std::optional<Price> of(PartId part) const;

  // What has no price takes that of what differs little from it, where that has one: mapping a file
  // or no file, copying a page that was mapped or not, zeroing a huge page alone or not.
  void take_from_relatives();
  // Takes from `other` what is not priced here.
  void complete(const PriceList& other);
  bool empty() const;

 private:
  std::array<std::optional<Price>, profile::kCosts> prices_;
  std::map<PartId, Price> nameless_;
};

}  // namespace ft::sim::cost
