#include "analysis/watch/before_after.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "analysis/watch/counters.h"

namespace ft::analysis {

namespace {

using report::model::BeforeAfterRow;

struct SizeName {
  std::string_view key;  // of meminfo
  std::string_view name;
  std::string_view words;
};

constexpr std::array kSizes = {
    SizeName{"MemFree", "mem_free", "free memory"},
    SizeName{"MemAvailable", "mem_available", "available memory"},
    SizeName{"Cached", "cached", "page cache and shared memory"},
    SizeName{"AnonPages", "anon_pages", "anonymous memory"},
    SizeName{"AnonHugePages", "anon_huge_pages", "anonymous huge pages"},
    SizeName{"PageTables", "page_tables", "page tables"},
    SizeName{"Slab", "slab", "slab"},
    SizeName{"Committed_AS", "committed_as", "committed address space"},
    SizeName{"SwapFree", "swap_free", "free swap"},
};

constexpr std::array kCounters = {
    CounterName{"pgfault", "page faults"},
    CounterName{"pgmajfault", "major faults"},
    CounterName{"thp_fault_alloc", "huge pages at a fault"},
    CounterName{"thp_fault_fallback", "faults that fell back to small pages"},
    CounterName{"pgsteal_kswapd", "reclaimed by kswapd", true},
    CounterName{"pgsteal_direct", "reclaimed by allocating threads", true},
    CounterName{"allocstall_*", "allocations that reclaimed for themselves"},
    CounterName{"pswpin", "swapped in", true},
    CounterName{"pswpout", "swapped out", true},
    CounterName{"compact_stall", "allocations that compacted for themselves"},
    CounterName{"compact_success", "of them with success"},
    CounterName{"numa_miss", "pages from another node than wanted"},
    CounterName{"oom_kill", "processes killed for memory"},
};

void add_row(std::vector<BeforeAfterRow>& rows, BeforeAfterRow row) {
  if (!row.before || !row.after) return;
  row.change = static_cast<std::int64_t>(*row.after - *row.before);
  rows.push_back(std::move(row));
}

void add_cgroup(const WatchLook& before, const WatchLook& after,
                std::vector<BeforeAfterRow>& rows) {
  if (!before.cgroups || !after.cgroups) return;
  if (before.cgroups->levels.empty() || after.cgroups->levels.empty()) return;
  const host::CgroupLevel& from = before.cgroups->levels.front();
  const host::CgroupLevel& to = after.cgroups->levels.front();
  if (from.path != to.path) return;
  add_row(rows, {"cgroup_current", "used by its control group", "bytes", from.current, to.current});
  for (const std::string_view event : {"max", "oom", "oom_kill", "failcnt"}) {
    add_row(rows, {fmt::format("cgroup_{}", event), fmt::format("control group: {}", event),
                   "events", from.events.find(event), to.events.find(event)});
  }
}

// Blocks of 2 MiB, whole or as parts of larger ones.
std::optional<std::uint64_t> huge_blocks(const host::FreeBlocks& zone) {
  constexpr std::size_t kHugeOrder = 9;
  if (zone.blocks_by_order.size() <= kHugeOrder) return std::nullopt;
  std::uint64_t blocks = 0;
  for (std::size_t order = kHugeOrder; order < zone.blocks_by_order.size() && order < 64; ++order) {
    blocks += zone.blocks_by_order[order] << (order - kHugeOrder);
  }
  return blocks;
}

void add_free_lists(const WatchLook& before, const WatchLook& after,
                    std::vector<BeforeAfterRow>& rows) {
  for (const host::FreeBlocks& from : before.host.free_blocks) {
    for (const host::FreeBlocks& to : after.host.free_blocks) {
      if (from.node != to.node || from.zone != to.zone) continue;
      add_row(rows, {fmt::format("free_2m_blocks_node{}_{}", to.node, to.zone),
                     fmt::format("free 2 MiB blocks, Node {} {}", to.node, to.zone), "blocks",
                     huge_blocks(from), huge_blocks(to)});
    }
  }
}

}  // namespace

std::vector<BeforeAfterRow> compare(const WatchLook& before, const WatchLook& after) {
  std::vector<BeforeAfterRow> rows;
  for (const SizeName& size : kSizes) {
    add_row(rows, {std::string(size.name), std::string(size.words), "bytes",
                   before.host.meminfo.find(size.key), after.host.meminfo.find(size.key)});
  }
  add_cgroup(before, after, rows);
  add_free_lists(before, after, rows);
  for (const CounterName& counter : kCounters) {
    const report::model::Rate now = rate_of(counter, {.now = &after.host.vmstat});
    add_row(rows, {now.name, now.words, now.pages ? "pages" : "events",
                   counted(before.host.vmstat, counter.name), now.total});
  }
  return rows;
}

}  // namespace ft::analysis
