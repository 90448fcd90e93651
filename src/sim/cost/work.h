// Work is what the simulated kernel did, as far as it takes time: by part of kernel mm time, how
// often each operation that a machine file may have a cost for.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>

#include "base/units.h"
#include "event/syscall_table.h"
#include "sim/fault/outcome.h"
#include "sim/profile/costs.h"

namespace ft::sim::cost {

// A part of kernel mm time, as people ask for it: the faults of one kind, the calls of one name.
class PartId {
 public:
  enum class Sort : std::uint8_t {
    Fault,  // by what served it
    Major,  // a fault that waited for storage, whatever served it
    Call,
  };

  static PartId of(fault::Kind kind) { return {Sort::Fault, static_cast<std::uint16_t>(kind)}; }
  static PartId major() { return {Sort::Major, 0}; }
  static PartId of(event::SyscallNumber number) {
    return {Sort::Call, static_cast<std::uint16_t>(number)};
  }

  Sort sort() const { return sort_; }
  bool is_call() const { return sort_ == Sort::Call; }
  // REQUIRES: of that sort.
  fault::Kind kind() const { return static_cast<fault::Kind>(code_); }
  event::SyscallNumber number() const { return static_cast<event::SyscallNumber>(code_); }

  auto operator<=>(const PartId&) const = default;

 private:
  PartId(Sort sort, std::uint16_t code) : sort_(sort), code_(code) {}

  Sort sort_;
  std::uint16_t code_;
};

// How often each operation was done.
struct Operations {
  std::array<std::uint64_t, profile::kCosts> counts{};
  // Done, but of no kind that a machine file has a name for: mlock(2), a write to a shared page of
  // a disk file. What it costs only a recording can tell, part by part.
  std::uint64_t nameless = 0;

  void add(profile::Cost cost, std::uint64_t count = 1) {
    counts[static_cast<std::size_t>(cost)] += count;
  }
  std::uint64_t of(profile::Cost cost) const { return counts[static_cast<std::size_t>(cost)]; }
  void add(const Operations& other);
  std::uint64_t total() const;

  auto operator<=>(const Operations&) const = default;
};

// Between two faults or calls a thread runs its own code, and the kernel's leaves the caches: from
// 0 (at once after the last one) to 1 (after so long that it makes no difference any more).
double coldness_after(Nanoseconds other_work);

struct PartWork {
  std::uint64_t count = 0;  // faults, or calls
  Operations operations;
  std::array<double, profile::kCosts> coldness{};  // by operation, the sum over all of that kind

  // One fault or call more.
  void add(const Operations& more, double coldness_of_each);
};

using Work = std::map<PartId, PartWork>;

}  // namespace ft::sim::cost
