// RecordedTimes keeps how long each recorded fault and call took beside what it did in the model.
// From that follow prices (what a kind of operation took on that host), and which part of the
// recorded time was no work at all but waiting: for a lock, for storage, for the processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/units.h"
#include "sim/cost/price_list.h"
#include "sim/cost/work.h"

namespace ft::sim::cost {

// What was recorded of one part.
struct RecordedPart {
  std::uint64_t count = 0;
  Nanoseconds ns = 0;
  // Of it, beyond what such operations usually take, in those that took several times as long.
  Nanoseconds wait_ns = 0;
  std::uint64_t waited = 0;  // how many those were
};

struct RecordedSums {
  std::map<PartId, RecordedPart> parts;
  Nanoseconds fault_ns = 0;    // without waits, major faults left out
  Nanoseconds call_ns = 0;     // without waits
  Nanoseconds storage_ns = 0;  // major faults
  Nanoseconds wait_ns = 0;     // of both kinds

  Nanoseconds total_ns() const { return fault_ns + call_ns + storage_ns + wait_ns; }
};

class RecordedTimes {
 public:
  void add(PartId part, const Operations& operations, Nanoseconds ns);
  bool empty() const { return groups_.empty(); }

  // Prices at which the recorded work comes to the recorded time, waits left out. Two operations
  // that never come apart share their time in some way. Further pages of a TLB flush, and the
  // interrupts of other processors, cannot be told from the flush: they are priced at nothing,
  // their time is in the flush's price.
  PriceList prices() const { return evaluate().prices; }

  // An operation is taken to have waited where it took five times as long, and 8 µs longer, than a
  // quarter of its like do in the recording (than the prices say, where there are few of its like).
  RecordedSums sums() const { return evaluate().sums; }

  // Both, for little more than one of them takes.
  struct Evaluation {
    PriceList prices;
    RecordedSums sums;
  };
  Evaluation evaluate() const;

 private:
  // What is alike in all that is counted.
  struct Group {
    PartId part;
    Operations operations;
    std::vector<Nanoseconds> times;
  };
  struct Usual;

  std::vector<Usual> usual_of_groups() const;
  PriceList prices(const std::vector<Usual>& usual) const;
  RecordedSums sums(const std::vector<Usual>& usual) const;

  std::map<std::pair<PartId, Operations>, std::size_t> index_;  // into groups_
  std::vector<Group> groups_;
  std::size_t last_ = 0;  // neighbours are mostly alike
};

}  // namespace ft::sim::cost
