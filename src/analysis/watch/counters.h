// The kernel's event counters (/proc/vmstat, numastat, memory.events) as groups of rates between
// two looks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "host/number_table.h"
#include "report/model/watch.h"

namespace ft::analysis {

// The looks that a rate is made of. `before` and `first` may be nullptr: none yet.
struct CounterLooks {
  const host::NumberTable* now = nullptr;
  const host::NumberTable* before = nullptr;
  const host::NumberTable* first = nullptr;
  std::optional<double> seconds;  // between `before` and `now`
};

// One counter as watch names it. A name that ends in '*' is the sum of all that start so: the
// kernel counts some by zone.
struct CounterName {
  std::string_view name;
  std::string_view words;
  bool pages = false;
};

report::model::Rate rate_of(const CounterName& counter, const CounterLooks& looks);

// Reclaim, swap, compaction, THP, NUMA and faults of the whole host.
std::vector<report::model::RateGroup> host_rates(const CounterLooks& vmstat);

// Of one node's numastat.
std::vector<report::model::Rate> node_rates(const CounterLooks& numastat);

// Every counter of a control group's events, in the kernel's order.
std::vector<report::model::Rate> event_rates(const CounterLooks& events);

// The sum that `name` stands for; nothing where the table has none of it.
std::optional<std::uint64_t> counted(const host::NumberTable& table, std::string_view name);

}  // namespace ft::analysis
