#include "analysis/watch/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "base/text.h"

namespace ft::analysis {

namespace {

using report::model::Bytes;
using report::model::CgroupView;
using report::model::Known;
using report::model::Nearness;
using report::model::NextStep;
using report::model::Watch;
using report::model::ZoneView;

constexpr unsigned kHugeOrder = 9;
// A watermark is near when less than a twentieth of the memory is left above it, a limit when less
// than a tenth of it is left.
constexpr Bytes kNearPartOfMemory = 20;
constexpr Bytes kNearPartOfLimit = 10;
constexpr double kGrowthWorthATime = 64.0 * kKiB;  // bytes a second
constexpr double kLongestTime = 86'400;
constexpr std::uint64_t kUsualExtfragThreshold = 500;

Bytes rest(Bytes whole, Bytes part) {
  return whole > part ? whole - part : 0;
}

// "Node 0 Normal"
std::string name_of(const ZoneView& zone) {
  return fmt::format("Node {} {}", zone.node, printable(zone.name));
}

class Forecast {
 public:
  Forecast(const Watch& watch, const host::MemorySettings& settings,
           const std::vector<std::uint32_t>& nodes)
      : watch_(watch), settings_(settings) {
    for (const ZoneView& zone : watch.zones) {
      if (nodes.empty() || std::ranges::find(nodes, zone.node) != nodes.end()) {
        zones_.push_back(&zone);
      }
    }
    // Requests go to the highest zone first.
    std::ranges::reverse(zones_);
  }

  std::vector<NextStep> steps() {
    if (!zones_.empty()) {
      add_kswapd();
      add_other_nodes();
      add_direct_reclaim();
      add_huge_pages();
    }
    add_host_oom();
    add_cgroups();
    add_commit_limit();
    add_map_count();
    std::ranges::stable_sort(steps_, {}, [](const NextStep& step) {
      return step.distance.value_or(std::numeric_limits<Bytes>::max());
    });
    return std::move(steps_);
  }

 private:
  // What may still be taken from a zone by a request for a user page before it is at `mark`.
  static Bytes room(const ZoneView& zone, Bytes mark) {
    return rest(zone.free, mark + zone.reserve);
  }
  Bytes room_above_low() const {
    Bytes sum = 0;
    for (const ZoneView* zone : zones_) sum += room(*zone, zone->low);
    return sum;
  }
  Bytes managed() const {
    Bytes sum = 0;
    for (const ZoneView* zone : zones_) sum += zone->managed;
    return sum;
  }
  Nearness nearness_to_mark(Bytes distance) const {
    if (distance == 0) return Nearness::Now;
    return distance < managed() / kNearPartOfMemory ? Nearness::Near : Nearness::Far;
  }

  // ", in 35 s as the process grows now"; empty where it does not.
  std::string time_until(Bytes distance) const {
    if (!watch_.process || !watch_.process->growth_per_second) return {};
    const double growth = *watch_.process->growth_per_second;
    if (growth < kGrowthWorthATime) return {};
    const double seconds = static_cast<double>(distance) / growth;
    if (seconds > kLongestTime) return {};
    return fmt::format(", in {} as the process grows now", rough_time(seconds));
  }

  // No more exact than a straight line into the future is.
  static std::string rough_time(double seconds) {
    constexpr double kMinute = 60;
    constexpr double kSeveral = 1.5;
    if (seconds < kSeveral * kMinute) return fmt::format("{:.0f} s", seconds);
    if (seconds < kSeveral * kMinute * kMinute) return fmt::format("{:.0f} min", seconds / kMinute);
    return fmt::format("{:.1f} h", seconds / (kMinute * kMinute));
  }

  // "Node 0 Normal has 1.2 GiB free, low watermark 61.1 MiB": the two zones with most memory.
  std::string zones_in_words(Bytes ZoneView::* mark, std::string_view mark_name) const {
    std::vector<const ZoneView*> largest = zones_;
    std::ranges::stable_sort(largest, std::ranges::greater{}, &ZoneView::managed);
    if (largest.size() > 2) largest.resize(2);
    std::string words;
    for (const ZoneView* zone : largest) {
      if (!words.empty()) words += "; ";
      words += fmt::format("{} has {} free, {} watermark {}", name_of(*zone),
                           human_bytes(zone->free), mark_name, human_bytes(zone->*mark));
      if (zone->reserve > 0) {
        words += fmt::format(" and {} kept from user pages", human_bytes(zone->reserve));
      }
    }
    return words;
  }

  void add(NextStep step) { steps_.push_back(std::move(step)); }

  void add_kswapd() {
    const Bytes distance = room_above_low();
    NextStep step{.name = "kswapd", .nearness = nearness_to_mark(distance), .distance = distance};
    const std::string zones = zones_in_words(&ZoneView::low, "low");
    if (distance > 0) {
      step.words = fmt::format("kswapd wakes after another {}{}: {}.", human_bytes(distance),
                               time_until(distance), zones);
    } else {
      Bytes least = std::numeric_limits<Bytes>::max();
      for (const ZoneView* zone : zones_) least = std::min(least, rest(zone->high, zone->free));
      step.words = fmt::format(
          "kswapd is at work or wakes with the next allocation: {}. It stops when a zone is at "
          "its high watermark again, {} from now at least.",
          zones, human_bytes(least));
    }
    step.words += reclaim_words();
    add(std::move(step));
  }

  // What it would take first.
  std::string reclaim_words() const {
    const auto& host = watch_.host;
    std::string words;
    if (host.page_cache) {
      words += fmt::format(" It can drop page cache ({})", human_bytes(*host.page_cache));
      if (host.swap_total && *host.swap_total == 0) {
        words += "; with no swap, anonymous memory such as a Java heap stays";
      } else if (host.swap_free) {
        words += fmt::format(" and swap out anonymous memory, Java heaps too ({} of swap free)",
                             human_bytes(*host.swap_free));
      }
      words += ".";
    }
    return words;
  }

  void add_other_nodes() {
    std::vector<std::uint32_t> nodes;
    for (const ZoneView* zone : zones_) {
      if (std::ranges::find(nodes, zone->node) == nodes.end()) nodes.push_back(zone->node);
    }
    if (nodes.size() < 2) return;
    std::ranges::sort(nodes);
    for (const std::uint32_t node : nodes) {
      Bytes distance = 0;
      for (const ZoneView* zone : zones_) {
        if (zone->node == node) distance += room(*zone, zone->low);
      }
      const bool reclaims_first = settings_.node_reclaim.value_or(0) != 0;
      add({.name = "other_node",
           .nearness = nearness_to_mark(distance),
           .distance = distance,
           .words = fmt::format(
               "Node {} meets another {} by itself; then its requests {}.", node,
               human_bytes(distance),
               reclaims_first ? "reclaim there first (vm.zone_reclaim_mode)"
                              : "go to another node, and count as numa_foreign of this one")});
    }
  }

  void add_direct_reclaim() {
    Bytes distance = 0;
    for (const ZoneView* zone : zones_) distance += room(*zone, zone->min);
    add({.name = "direct_reclaim",
         .nearness = nearness_to_mark(distance),
         .distance = distance,
         .words =
             fmt::format("Allocating threads reclaim for themselves, and wait, {}: {}.",
                         distance > 0 ? fmt::format("after another {} if kswapd cannot keep up{}",
                                                    human_bytes(distance), time_until(distance))
                                      : std::string("now"),
                         zones_in_words(&ZoneView::min, "min"))});
  }

  void add_huge_pages() {
    if (settings_.thp_enabled.empty()) return;
    NextStep step{.name = "huge_page"};
    if (settings_.thp_enabled == "never") {
      step.words = "No fault gets a transparent huge page: they are switched off.";
      add(std::move(step));
      return;
    }
    const std::string where = settings_.thp_enabled == "always"
                                  ? "A fault in a large enough area"
                                  : "A fault in an area with MADV_HUGEPAGE";
    std::uint64_t blocks = 0;
    for (const ZoneView* zone : zones_) {
      for (std::size_t order = kHugeOrder; order < zone->free_blocks.size(); ++order) {
        blocks += zone->free_blocks[order] << (order - kHugeOrder);
      }
    }
    if (blocks > 0) {
      step.words = fmt::format("{} finds a block for a 2 MiB page at once: {} are free.", where,
                               grouped(blocks));
    } else {
      step.nearness = Nearness::Now;
      step.words =
          fmt::format("{} finds no free block for a 2 MiB page. {}", where, no_block_words());
    }
    add(std::move(step));
  }

  std::string no_block_words() const {
    const auto largest = std::ranges::max_element(zones_, {}, &ZoneView::managed);
    const ZoneView& zone = **largest;
    std::string words;
    if (zone.fragmentation.size() > kHugeOrder) {
      const double index = zone.fragmentation[kHugeOrder];
      const double threshold =
          static_cast<double>(settings_.extfrag_threshold.value_or(kUsualExtfragThreshold)) / 1000;
      words = fmt::format("{}'s fragmentation index is {:.3f} ({} {:.3f}): the kernel would {}.",
                          name_of(zone), index, index > threshold ? "above" : "not above",
                          threshold, index > threshold ? "compact" : "reclaim rather than compact");
    }
    if (settings_.thp_defrag == "madvise") {
      words += " Only faults in areas with MADV_HUGEPAGE wait for that; others take small pages.";
    } else if (settings_.thp_defrag == "never") {
      words += " No fault waits for that: all take small pages.";
    }
    return words;
  }

  void add_host_oom() {
    const auto& host = watch_.host;
    if (!host.available) return;
    const Bytes swap = host.swap_free.value_or(0);
    const Bytes distance = *host.available + swap;
    NextStep step{.name = "host_oom", .distance = distance};
    if (host.total && distance < *host.total / kNearPartOfMemory) step.nearness = Nearness::Near;
    step.words = fmt::format(
        "The host runs out when about {} more is in use{} ({} available, {} of swap free); then "
        "the process with the highest oom_score is killed",
        human_bytes(distance), time_until(distance), human_bytes(*host.available),
        human_bytes(swap));
    if (watch_.process && watch_.process->oom_score) {
      step.words += fmt::format("; this one's is {}", *watch_.process->oom_score);
    }
    step.words += ".";
    add(std::move(step));
  }

  void add_cgroups() {
    if (!watch_.cgroups) return;
    for (const CgroupView& level : watch_.cgroups->levels) {
      if (level.high && level.current) add_high(level);
      if (level.limit && level.to_limit) add_limit(level);
    }
  }

  void add_high(const CgroupView& level) {
    const Bytes distance = rest(*level.high, *level.current);
    NextStep step{.name = "cgroup_high", .distance = distance};
    if (distance == 0)
      step.nearness = Nearness::Now;
    else if (distance < *level.high / kNearPartOfLimit)
      step.nearness = Nearness::Near;
    step.words = fmt::format(
        "Control group {} {} its memory.high of {}: its threads then reclaim and are slowed down.",
        printable(level.path),
        distance == 0 ? "is above" : fmt::format("has {} left to", human_bytes(distance)),
        human_bytes(*level.high));
    add(std::move(step));
  }

  void add_limit(const CgroupView& level) {
    NextStep step{.name = "cgroup_oom", .distance = level.to_oom ? level.to_oom : level.to_limit};
    if (*level.to_limit == 0)
      step.nearness = Nearness::Now;
    else if (*level.to_limit < *level.limit / kNearPartOfLimit)
      step.nearness = Nearness::Near;
    step.words = fmt::format(
        "Control group {} uses {} of its limit {}: after another {}{} the "
        "kernel reclaims within it",
        printable(level.path), human_bytes(*level.current), human_bytes(*level.limit),
        human_bytes(*level.to_limit), time_until(*level.to_limit));
    if (level.to_oom) {
      step.words += fmt::format(
          " ({} of page cache and the like can go); it kills about {} from "
          "now",
          human_bytes(*level.reclaimable), human_bytes(*level.to_oom));
    }
    step.words += ".";
    add(std::move(step));
  }

  void add_commit_limit() {
    const auto& host = watch_.host;
    if (settings_.overcommit_memory != 2 || !host.committed || !host.commit_limit) return;
    const Bytes distance = rest(*host.commit_limit, *host.committed);
    add({.name = "commit_limit",
         .nearness =
             distance < *host.commit_limit / kNearPartOfLimit ? Nearness::Near : Nearness::Far,
         .distance = distance,
         .words = fmt::format("Committing memory fails with ENOMEM after another {}: {} of {} are "
                              "committed (vm.overcommit_memory is 2).",
                              human_bytes(distance), human_bytes(*host.committed),
                              human_bytes(*host.commit_limit))});
  }

  void add_map_count() {
    if (!watch_.process) return;
    const auto& process = *watch_.process;
    if (!process.map_count || !process.max_map_count || *process.max_map_count == 0) return;
    // Half of it is worth a line.
    if (*process.map_count < *process.max_map_count / 2) return;
    const bool near = *process.map_count >= *process.max_map_count / 5 * 4;
    add({.name = "max_map_count",
         .nearness = near ? Nearness::Near : Nearness::Far,
         .distance = {},
         .words = fmt::format("mmap and mprotect fail with ENOMEM after another {} mappings: the "
                              "process has {} of {} (vm.max_map_count).",
                              grouped(rest(*process.max_map_count, *process.map_count)),
                              grouped(*process.map_count), grouped(*process.max_map_count))});
  }

  const Watch& watch_;
  const host::MemorySettings& settings_;
  std::vector<const ZoneView*> zones_;
  std::vector<NextStep> steps_;
};

}  // namespace

std::vector<NextStep> forecast(const Watch& watch, const host::MemorySettings& settings,
                               const std::vector<std::uint32_t>& nodes) {
  return Forecast(watch, settings, nodes).steps();
}

}  // namespace ft::analysis
