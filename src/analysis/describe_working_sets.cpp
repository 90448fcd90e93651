// Working sets: what of each subsystem was referenced in each interval, from the recorder's scans.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "analysis/describe.h"
#include "analysis/memory_at_end.h"
#include "base/text.h"
#include "host/referenced.h"
#include "jvm/subsystem.h"

namespace ft::analysis {

namespace {

using report::model::Report;
using report::model::ScanCost;
using report::model::WorkingSetOf;
using report::model::WorkingSetPoint;
using report::model::WorkingSets;

constexpr std::uint64_t kLargePage = 2 * kMiB;

struct Use {
  std::uint64_t bytes = 0;
  std::uint64_t large_most = 0;  // 2 MiB blocks its pages may lie in
};
using UseBySubsystem = std::array<Use, jvm::kSubsystemCount>;

struct Scan {
  Nanoseconds ts = 0;
  host::ReferencedScan seen;
  UseBySubsystem by_subsystem{};
  Use whole;
  std::uint64_t huge = 0;
  std::uint64_t shared_out = 0;
};

std::uint64_t pages_of(std::uint64_t bytes) {
  return (bytes + kPageSize - 1) / kPageSize;
}

std::uint64_t blocks_over(AddressRange range) {
  return (range.end + kLargePage - 1) / kLargePage - range.start / kLargePage;
}

// A part of one kernel area that one subsystem has.
struct Piece {
  jvm::Subsystem subsystem = jvm::Subsystem::Unknown;
  AddressRange range;
  std::uint64_t touched = 0;  // bytes known to have come by faults, and still there at the end
};

std::vector<Piece> pieces_of(AddressRange area, const Passes& passes,
                             const std::vector<const attribution::Region*>& regions) {
  std::vector<Piece> pieces;
  std::uint64_t covered = area.start;
  const auto add = [&](AddressRange range, jvm::Subsystem subsystem) {
    if (range.empty()) return;
    if (!pieces.empty() && pieces.back().subsystem == subsystem) {
      pieces.back().range.end = range.end;
    } else {
      pieces.push_back({.subsystem = subsystem, .range = range, .touched = 0});
    }
    passes.residency.pages().for_each_resident(
        range, [&](PageClass, std::uint64_t pages) { pieces.back().touched += pages * kPageSize; });
  };
  auto it = std::ranges::upper_bound(regions, area.start, {},
                                     [](const attribution::Region* r) { return r->range.start; });
  if (it != regions.begin()) --it;
  for (; it != regions.end() && (*it)->range.start < area.end; ++it) {
    const AddressRange range = (*it)->range.intersection({covered, area.end});
    if (range.empty()) continue;
    add({covered, range.start}, jvm::Subsystem::Unknown);
    add(range, passes.owner((*it)->owner).subsystem);
    covered = range.end;
  }
  add({covered, area.end}, jvm::Subsystem::Unknown);
  return pieces;
}

// The kernel tells what an area's pages were, not which: where several have a part in it, in
// proportion to what each is known to have touched, and what is beyond that by size.
std::vector<std::uint64_t> shares_of(std::uint64_t whole, const std::vector<Piece>& pieces) {
  std::vector<std::uint64_t> touched;
  std::vector<std::uint64_t> rest;
  for (const Piece& piece : pieces) {
    touched.push_back(std::min(piece.touched, piece.range.size()));
    rest.push_back(piece.range.size() - touched.back());
  }
  return shared_by_touch(whole, touched, rest);
}

void add_area(const host::ReferencedArea& area, const Passes& passes,
              const std::vector<const attribution::Region*>& regions, Scan& scan) {
  if (area.referenced == 0) return;
  const std::vector<Piece> pieces = pieces_of(area.range, passes, regions);
  const std::vector<std::uint64_t> shares = shares_of(area.referenced, pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    Use& use = scan.by_subsystem[static_cast<std::size_t>(pieces[i].subsystem)];
    use.bytes += shares[i];
    use.large_most += std::min(pages_of(shares[i]), blocks_over(pieces[i].range));
  }
  if (pieces.size() > 1) scan.shared_out += area.referenced;
  scan.whole.bytes += area.referenced;
  scan.whole.large_most += std::min(pages_of(area.referenced), blocks_over(area.range));
  scan.huge += std::min(area.huge, area.referenced);
}

// The scans of the subject, in order of time. Those that do not parse are told.
std::vector<Scan> scans_of(const Passes& passes, std::vector<std::string>& unreadable) {
  std::vector<Scan> scans;
  for (const event::Snapshot& snapshot : passes.trace.snapshots) {
    if (snapshot.source != "referenced" || snapshot.pid != passes.subject.pid) continue;
    auto seen = host::parse_referenced(snapshot.text);
    if (!seen) {
      unreadable.push_back(seen.error().message());
      continue;
    }
    Scan scan;
    scan.ts = snapshot.ts;
    scan.seen = std::move(*seen);
    const auto regions = passes.owners.regions_at(snapshot.pid, snapshot.ts);
    for (const host::ReferencedArea& area : scan.seen.areas) {
      add_area(area, passes, regions, scan);
    }
    scans.push_back(std::move(scan));
  }
  std::ranges::stable_sort(scans, {}, &Scan::ts);
  return scans;
}

// REQUIRES: `values` is not empty. The upper of the two in the middle.
template <typename T>
T median_of(std::vector<T> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

template <typename Cost>
ScanCost cost_of(const std::vector<Scan>& scans, Cost cost) {
  std::vector<Nanoseconds> each;
  for (const Scan& scan : scans) each.push_back(cost(scan.seen));
  return {.median_ns = median_of(each),
          .most_ns = std::ranges::max(each),
          .total_ns = std::accumulate(each.begin(), each.end(), Nanoseconds{0})};
}

template <typename UseOf>
WorkingSetOf row_of(std::string name, const std::vector<Scan>& scans, UseOf use_of) {
  WorkingSetOf row;
  row.name = std::move(name);
  std::vector<std::uint64_t> all;
  for (const Scan& scan : scans) {
    const Use& use = use_of(scan);
    all.push_back(use.bytes);
    if (use.bytes <= row.peak_bytes) continue;
    row.peak_bytes = use.bytes;
    row.peak_at_ns = scan.ts;
    row.small.least = row.small.most = pages_of(use.bytes);
    row.large.least = (use.bytes + kLargePage - 1) / kLargePage;
    row.large.most = std::max(use.large_most, row.large.least);
  }
  row.median_bytes = median_of(all);
  return row;
}

std::string mthp_sizes(const event::Trace& trace) {
  std::string sizes;
  constexpr std::string_view kPrefix = "host.thp.size.";
  for (const auto& [key, value] : trace.meta) {
    if (!key.starts_with(kPrefix) || value == "never" || key.ends_with(".2048kB")) continue;
    if (value == "inherit" && trace.meta_or("host.thp.enabled") == "never") continue;
    sizes += (sizes.empty() ? "" : ", ") + key.substr(kPrefix.size());
  }
  return sizes;
}

std::vector<std::string> notes_of(const event::Trace& trace, const WorkingSets& sets,
                                  std::size_t unreadable) {
  std::vector<std::string> notes;
  notes.emplace_back(
      "A page counts as used in an interval in which it was accessed, or came into memory; with a "
      "fault on a file its neighbours come too.");
  if (!sets.evicts) {
    notes.emplace_back(
        "Translations could not be turned out of the TLBs after each look: pages whose "
        "translation stayed cached are missing, so small working sets are too low.");
  } else if (trace.meta_or("working_set.evicts") == "data") {
    notes.emplace_back(
        "Translations of code could not be turned out of the TLBs (no executable memory is to be "
        "had): code that stayed cached is missing.");
  }
  if (sets.huge_at_peak != 0) {
    notes.push_back(fmt::format(
        "Of the peak {} is mapped in 2 MiB pages, which count whole however little of them is "
        "used: the number of small pages is an upper bound there.",
        human_bytes(sets.huge_at_peak)));
  }
  if (sets.untold_bytes != 0) {
    notes.push_back(
        fmt::format("{} in pages of a hugetlb pool are not in it: the kernel does not tell which "
                    "of them were used.",
                    human_bytes(sets.untold_bytes)));
  }
  if (const std::string sizes = mthp_sizes(trace); !sizes.empty()) {
    notes.push_back(fmt::format(
        "Folios of {} need as many translations as small pages: x86 has none between 4 KiB and "
        "2 MiB, and what AMD processors join is not counted on.",
        sizes));
  }
  if (sets.shared_out != 0) {
    notes.push_back(fmt::format(
        "{} of the peak lie in areas with several owners, and are shared out by what each had "
        "touched.",
        human_bytes(sets.shared_out)));
  }
  if (const std::string problem = trace.meta_or("working_set.problem"); !problem.empty()) {
    notes.push_back("Some looks failed: " + problem + ".");
  }
  if (unreadable != 0) {
    notes.push_back(fmt::format("{} scans of the recording cannot be read.", unreadable));
  }
  return notes;
}

std::string why_none(const event::Trace& trace, std::optional<std::int64_t> interval,
                     const std::vector<std::string>& unreadable) {
  if (!unreadable.empty()) return unreadable.front();
  if (!interval) return "not asked for (record --working-set MS)";
  if (const std::string problem = trace.meta_or("working_set.problem"); !problem.empty()) {
    return problem;
  }
  return fmt::format("the process ended before it was looked at twice, {} apart",
                     human_duration(*interval));
}

}  // namespace

void describe_working_sets(const Passes& passes, Report& report) {
  const auto interval = meta_number(passes.trace, "working_set.interval_ns");
  std::vector<std::string> unreadable;
  const std::vector<Scan> scans = scans_of(passes, unreadable);
  if (scans.empty()) {
    report.missing.push_back({"working_sets", why_none(passes.trace, interval, unreadable)});
    return;
  }
  WorkingSets sets;
  sets.pid = passes.subject.pid;
  sets.asked_interval_ns = interval.value_or(0);
  sets.scans = scans.size();
  std::vector<Nanoseconds> intervals;
  for (const Scan& scan : scans) intervals.push_back(scan.seen.interval);
  sets.median_interval_ns = median_of(intervals);
  sets.scan =
      cost_of(scans, [](const host::ReferencedScan& s) { return s.read + s.clear + s.evict; });
  sets.cleared = cost_of(scans, [](const host::ReferencedScan& s) { return s.clear; });
  sets.evicted = cost_of(scans, [](const host::ReferencedScan& s) { return s.evict; });
  sets.evicts = std::ranges::all_of(scans, [](const Scan& scan) { return scan.seen.cpus != 0; });

  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < jvm::kSubsystemCount; ++i) {
    const auto use_of = [i](const Scan& scan) -> const Use& { return scan.by_subsystem[i]; };
    if (std::ranges::all_of(scans, [&](const Scan& s) { return use_of(s).bytes == 0; })) continue;
    used.push_back(i);
    sets.subsystems.emplace_back(jvm::kSubsystemNames[i]);
    sets.rows.push_back(row_of(std::string(jvm::kSubsystemNames[i]), scans, use_of));
  }
  std::ranges::stable_sort(sets.rows, std::ranges::greater{}, &WorkingSetOf::peak_bytes);
  sets.whole = row_of("all", scans, [](const Scan& scan) -> const Use& { return scan.whole; });
  for (const Scan& scan : scans) {
    WorkingSetPoint point{.ts = scan.ts, .interval_ns = scan.seen.interval, .bytes = {}};
    for (const std::size_t i : used) point.bytes.push_back(scan.by_subsystem[i].bytes);
    sets.points.push_back(std::move(point));
    sets.untold_bytes = std::max(sets.untold_bytes, scan.seen.hugetlb);
    if (scan.ts == sets.whole.peak_at_ns) {
      sets.shared_out = scan.shared_out;
      sets.huge_at_peak = scan.huge;
    }
  }
  sets.notes = notes_of(passes.trace, sets, unreadable.size());
  report.working_sets = std::move(sets);
  report.missing.push_back(
      {"working_sets.reach",
       "how many translations this host's TLB holds was not measured: firsttouch calibrate -o "
       "FILE measures it, report --machine FILE takes it from there"});
}

}  // namespace ft::analysis
