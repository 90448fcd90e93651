#include "analysis/watch/counters.h"

#include <array>
#include <string>

namespace ft::analysis {

namespace {

using report::model::Rate;
using report::model::RateGroup;

constexpr std::array kFaults = {
    CounterName{"pgfault", "page faults"},
    CounterName{"pgmajfault", "major faults"},
    CounterName{"pgalloc_*", "pages allocated", true},
    CounterName{"pgfree", "pages freed", true},
};

constexpr std::array kReclaim = {
    CounterName{"pgscan_kswapd", "scanned by kswapd", true},
    CounterName{"pgsteal_kswapd", "reclaimed by kswapd", true},
    CounterName{"pgscan_direct", "scanned by allocating threads", true},
    CounterName{"pgsteal_direct", "reclaimed by allocating threads", true},
    CounterName{"allocstall_*", "allocations that reclaimed for themselves"},
    CounterName{"pageoutrun", "rounds of kswapd"},
    CounterName{"kswapd_low_wmark_hit_quickly", "kswapd woken again at low"},
    CounterName{"kswapd_high_wmark_hit_quickly", "kswapd woken again below high"},
    CounterName{"workingset_refault_file", "file pages read again", true},
    CounterName{"workingset_refault_anon", "anonymous pages read again", true},
    CounterName{"oom_kill", "processes killed for memory"},
};

constexpr std::array kSwap = {
    CounterName{"pswpin", "swapped in", true},
    CounterName{"pswpout", "swapped out", true},
    CounterName{"zswpin", "out of zswap", true},
    CounterName{"zswpout", "into zswap", true},
};

constexpr std::array kCompaction = {
    CounterName{"compact_stall", "allocations that compacted for themselves"},
    CounterName{"compact_success", "of them with success"},
    CounterName{"compact_fail", "of them in vain"},
    CounterName{"compact_daemon_wake", "kcompactd woken"},
    CounterName{"compact_migrate_scanned", "scanned for pages to move", true},
    CounterName{"compact_isolated", "taken for moving", true},
    CounterName{"pgmigrate_success", "moved", true},
    CounterName{"pgmigrate_fail", "could not be moved", true},
};

constexpr std::array kThp = {
    CounterName{"thp_fault_alloc", "huge pages at a fault"},
    CounterName{"thp_fault_fallback", "faults that fell back to small pages"},
    CounterName{"thp_fault_fallback_charge", "of them for the group's limit"},
    CounterName{"thp_collapse_alloc", "made by khugepaged"},
    CounterName{"thp_collapse_alloc_failed", "khugepaged found no block"},
    CounterName{"thp_split_page", "split"},
    CounterName{"thp_split_pmd", "mapped by small entries again"},
    CounterName{"thp_underused_split_page", "split for being little used"},
    CounterName{"thp_zero_page_alloc", "huge zero pages made"},
    CounterName{"thp_swpout", "swapped out whole"},
};

constexpr std::array kNuma = {
    CounterName{"numa_hit", "got the node they wanted"},
    CounterName{"numa_miss", "got this node though they wanted another"},
    CounterName{"numa_foreign", "wanted this node and got another"},
    CounterName{"numa_local", "on the CPU's own node"},
    CounterName{"numa_other", "on another node than the CPU's"},
    CounterName{"numa_interleave", "interleaved as asked for"},
    CounterName{"numa_hint_faults", "hint faults of the balancer"},
    CounterName{"numa_pages_migrated", "moved by the balancer", true},
};

constexpr std::array kNodeCounters = {
    CounterName{"numa_hit", "got the node they wanted"},
    CounterName{"numa_miss", "got this node though they wanted another"},
    CounterName{"numa_foreign", "wanted this node and got another"},
    CounterName{"local_node", "by CPUs of this node"},
    CounterName{"other_node", "by CPUs of other nodes"},
    CounterName{"interleave_hit", "interleaved as asked for"},
};

// Kernels that do not count by zone have the name without its ending.
std::string plain_name(std::string_view name) {
  if (name.ends_with("_*")) name.remove_suffix(2);
  return std::string(name);
}

std::vector<Rate> rates_of(std::span<const CounterName> counters, const CounterLooks& looks) {
  std::vector<Rate> rates;
  for (const CounterName& counter : counters) rates.push_back(rate_of(counter, looks));
  return rates;
}

}  // namespace

std::optional<std::uint64_t> counted(const host::NumberTable& table, std::string_view name) {
  if (!name.ends_with('*')) return table.find(name);
  const std::string_view prefix = name.substr(0, name.size() - 1);
  std::optional<std::uint64_t> sum = table.find(plain_name(name));
  for (const host::NamedNumber& number : table.numbers()) {
    if (number.name.starts_with(prefix)) sum = sum.value_or(0) + number.value;
  }
  return sum;
}

Rate rate_of(const CounterName& counter, const CounterLooks& looks) {
  Rate rate;
  rate.name = plain_name(counter.name);
  rate.words = counter.words;
  rate.pages = counter.pages;
  rate.total = counted(*looks.now, counter.name);
  if (!rate.total) return rate;
  if (looks.first) {
    const auto first = counted(*looks.first, counter.name);
    if (first && *first <= *rate.total) rate.since_start = *rate.total - *first;
  }
  if (looks.before && looks.seconds && *looks.seconds > 0) {
    const auto before = counted(*looks.before, counter.name);
    if (before && *before <= *rate.total) {
      rate.per_second = static_cast<double>(*rate.total - *before) / *looks.seconds;
    }
  }
  return rate;
}

std::vector<RateGroup> host_rates(const CounterLooks& vmstat) {
  return {{"faults", rates_of(kFaults, vmstat)},
          {"reclaim", rates_of(kReclaim, vmstat)},
          {"swap", rates_of(kSwap, vmstat)},
          {"thp", rates_of(kThp, vmstat)},
          {"compaction", rates_of(kCompaction, vmstat)},
          {"numa", rates_of(kNuma, vmstat)}};
}

std::vector<Rate> node_rates(const CounterLooks& numastat) {
  return rates_of(kNodeCounters, numastat);
}

std::vector<Rate> event_rates(const CounterLooks& events) {
  std::vector<Rate> rates;
  for (const host::NamedNumber& number : events.now->numbers()) {
    rates.push_back(rate_of({.name = number.name, .words = number.name}, events));
  }
  return rates;
}

}  // namespace ft::analysis
