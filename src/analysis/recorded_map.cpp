#include "analysis/recorded_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "analysis/map_builder.h"
#include "analysis/residency.h"
#include "analysis/subject.h"
#include "analysis/thread_index.h"
#include "attribution/owner_history.h"
#include "base/text.h"
#include "host/rss_precision.h"
#include "jvm/installation.h"

namespace ft::analysis {

namespace {

namespace model = report::model;

// Above this a region without rights to its pages cannot have been touched either; counting its
// blocks of 2 MiB one by one would be idle.
constexpr std::uint64_t kMostCounted = std::uint64_t{1} << 42U;

struct Moment {
  Nanoseconds ts = 0;
  std::string words;
  bool end = false;
};

std::string phases_of(const event::Trace& trace) {
  std::string names;
  for (const event::Phase& phase : trace.phases) {
    names += (names.empty() ? "" : ", ") + printable(phase.name);
  }
  return names.empty() ? "the recording has no phases" : "its phases are " + names;
}

Result<Moment> moment_of(const event::Trace& trace, const std::string& at, Nanoseconds end) {
  if (at.empty()) return Moment{end, "at the end", true};
  for (const event::Phase& phase : trace.phases) {
    if (phase.name != at) continue;
    const bool open = phase.end_ts == event::kStillThere;
    return Moment{open ? end : std::min(phase.end_ts, end), "at the end of phase " + at, open};
  }
  const auto ts = parse_moment(at);
  if (!ts) {
    return fail("--at", fmt::format("'{}' is neither a time nor a phase", printable(at)),
                fmt::format("a time is 350ms or 1.5s; {}", phases_of(trace)));
  }
  return Moment{std::min(*ts, end), "at " + human_duration(std::min(*ts, end)), *ts >= end};
}

class RecordedMap {
 public:
  RecordedMap(const event::Trace& trace, const attribution::OwnerHistory& owners,
              const Subject& subject, event::Pid pid, Moment moment)
      : trace_(trace),
        owners_(owners),
        subject_(subject),
        pid_(pid),
        moment_(std::move(moment)),
        threads_(trace.threads),
        residency_(trace, owners, pid, moment_.ts) {
    if (moment_.end && pid == subject.pid) {
      regions_ = regions_at_end(subject, owners);
    } else {
      for (const attribution::Region* region : owners.regions_at(pid, moment_.ts)) {
        regions_.push_back(*region);
      }
    }
    faults_.resize(regions_.size());
  }

  void on_fault(const event::Fault& fault) {
    seen_ = true;
    if (fault.ts > moment_.ts || fault.kind == event::FaultKind::Unfinished) return;
    if (threads_.pid_of(fault.tid, fault.ts) != pid_) return;
    residency_.on_fault(fault, owners_.region_at(pid_, fault.addr, fault.ts));
    const auto region = std::ranges::upper_bound(
        regions_, fault.addr, {}, [](const attribution::Region& r) { return r.range.end; });
    if (region != regions_.end() && region->range.contains(fault.addr)) {
      ++faults_[static_cast<std::size_t>(region - regions_.begin())];
    }
  }

  model::MemoryMap tell() {
    residency_.finish();
    model::MemoryMap map;
    map.pid = pid_;
    map.live = false;
    map.taken_at = moment_.ts;
    map.moment = moment_.words;
    map.jvm = jvm_words();
    for (const event::Process& process : trace_.processes) {
      if (process.pid != pid_) continue;
      map.command = process.executable;
    }
    const bool kernel_counted = moment_.end && pid_ == subject_.pid && subject_.smaps.has_value();
    if (kernel_counted)
      by_smaps(map);
    else
      by_faults(map);
    add_faults_and_tables(map);
    sum_up(map);
    tell_missing(map, kernel_counted);
    reconcile(map, kernel_counted);
    return map;
  }

 private:
  std::string jvm_words() const {
    const auto found = jvm::find_installation(trace_.files);
    if (!found) return {};
    return found->feature_release == 0 ? "HotSpot"
                                       : fmt::format("HotSpot {}", found->feature_release);
  }

  std::uint64_t resident_in(AddressRange range) const {
    std::uint64_t pages = 0;
    residency_.pages().for_each_resident(range,
                                         [&](PageClass, std::uint64_t count) { pages += count; });
    return pages * kPageSize;
  }

  // The kernel's counters of each of its areas, shared out among the owners in it.
  void by_smaps(model::MemoryMap& map) {
    std::vector<host::Vma> areas;
    std::vector<host::SmapsEntry> entries;
    for (const host::SmapsEntry& entry : *subject_.smaps) {
      if (entry.vma.name == "[vsyscall]") continue;
      areas.push_back(entry.vma);
      entries.push_back(entry);
    }
    std::vector<attribution::OwnedPiece> pieces;
    std::size_t at = 0;
    for (std::size_t i = 0; i < areas.size(); ++i) {
      std::uint64_t from = areas[i].range.start;
      const auto add = [&](AddressRange range, attribution::OwnerId owner) {
        if (!range.empty()) pieces.push_back({range, static_cast<std::uint32_t>(i), owner});
      };
      while (at < regions_.size() && regions_[at].range.end <= from) ++at;
      for (std::size_t n = at; n < regions_.size() && regions_[n].range.start < areas[i].range.end;
           ++n) {
        const AddressRange part = regions_[n].range.intersection({from, areas[i].range.end});
        if (part.empty()) continue;
        add({from, part.start}, 0);
        add(part, regions_[n].owner);
        from = part.end;
      }
      add({from, areas[i].range.end}, 0);
    }
    MapBuilder builder(areas, pieces, owners_.owners());
    builder.set_counters(entries);
    for (const attribution::OwnedPiece& piece : pieces) {
      const std::uint64_t resident = resident_in(piece.range);
      if (resident == 0) continue;
      builder.on_run({.range = AddressRange::of_size(piece.range.start,
                                                     std::min(resident, piece.range.size())),
                      .present = true});
    }
    builder.finish(map, RegionsWanted::Yes);
  }

  void by_faults(model::MemoryMap& map) {
    map.areas = regions_.size();
    const bool known = seen_ && !residency_.pages().exhausted();
    for (const attribution::Region& region : regions_) {
      const attribution::Owner& owner = owners_.owners()[region.owner];
      model::MapRegion& row = map.regions.emplace_back();
      row.range = region.range;
      row.prot = prot_of(region);
      row.subsystem = jvm::name_of(owner.subsystem);
      row.detail = owner.detail;
      row.evidence = attribution::name_of(owner.evidence);
      if (region.file >= 0 && static_cast<std::size_t>(region.file) < trace_.files.size()) {
        row.name = trace_.files[static_cast<std::size_t>(region.file)].path;
      }
      row.figures.reserved = region.range.size();
      if (region.committed) row.figures.committed = region.range.size();
      if (known) row.figures.resident = resident_in(region.range);
    }
  }

  static std::string prot_of(const attribution::Region& region) {
    constexpr std::uint32_t kShared = 1;  // MAP_SHARED
    return {(region.prot & 1U) != 0 ? 'r' : '-', (region.prot & 2U) != 0 ? 'w' : '-',
            (region.prot & 4U) != 0 ? 'x' : '-', (region.flags & kShared) != 0 ? 's' : 'p'};
  }

  void add_faults_and_tables(model::MemoryMap& map) {
    const bool known = seen_ && !residency_.pages().exhausted();
    std::uint64_t last_block = ~std::uint64_t{0};
    std::size_t at = 0;
    for (model::MapRegion& row : map.regions) {
      if (!known) continue;
      row.figures.faults = 0;
      row.figures.tables = 0;
      // A row may hold part of a region (smaps cuts at its own borders): faults go to its first.
      for (; at < regions_.size() && regions_[at].range.start < row.range.end; ++at) {
        *row.figures.faults += faults_[at];
      }
      if (row.range.size() > kMostCounted) continue;
      for (std::uint64_t block = row.range.start / kHugePageSize;
           block * kHugePageSize < row.range.end; ++block) {
        const AddressRange part =
            row.range.intersection(AddressRange::of_size(block * kHugePageSize, kHugePageSize));
        if (block == last_block || !residency_.pages().touched_any(part)) continue;
        last_block = block;
        *row.figures.tables += kPageSize;
      }
    }
  }

  void sum_up(model::MemoryMap& map) {
    map.subsystems.clear();
    map.total = {};
    for (const std::string_view name : jvm::kSubsystemNames) {
      model::MapSubsystem sum{name, 0, {}};
      for (const model::MapRegion& row : map.regions) {
        if (row.subsystem != name) continue;
        add_figures(sum.figures, row.figures, sum.regions++ == 0);
      }
      if (sum.regions == 0) continue;
      add_figures(map.total, sum.figures, map.subsystems.empty());
      map.subsystems.push_back(std::move(sum));
    }
  }

  void tell_missing(model::MemoryMap& map, bool kernel_counted) const {
    if (!seen_) {
      const std::string why = "the recording has no page faults";
      map.missing.push_back({"faults", why});
      map.missing.push_back({"tables", why});
      if (!kernel_counted) map.missing.push_back({"resident", why});
    } else if (residency_.pages().exhausted()) {
      map.missing.push_back({"resident", "it touches more memory than is followed here"});
    }
    if (!kernel_counted) {
      map.missing.push_back({"dirty, huge, swapped, shared, pss",
                             "the kernel's counters were recorded at the end only"});
      map.notes.emplace_back(
          "resident is what the recorded faults brought in: exact for private anonymous memory, "
          "too small for files, whose pages the kernel maps up to 16 at a time");
    }
    map.missing.push_back(
        {"mapped again", "a recording does not say which page of a file an address showed"});
  }

  void reconcile(model::MemoryMap& map, bool kernel_counted) const {
    if (!kernel_counted || !subject_.status) return;
    const auto compare = [&](std::string what, const model::Known<std::uint64_t>& ours,
                             const std::optional<std::uint64_t>& kernel, std::uint64_t tolerance,
                             std::string note) {
      if (!ours || !kernel) return;
      const auto here = static_cast<std::int64_t>(*ours);
      const auto there = static_cast<std::int64_t>(*kernel);
      map.reconcile.push_back(
          {.what = std::move(what),
           .recorded = here,
           .kernel = there,
           .agrees = std::abs(here - there) <= static_cast<std::int64_t>(tolerance),
           .tolerance = static_cast<std::int64_t>(tolerance),
           .unit = "bytes",
           .note = std::move(note)});
    };
    // status adds up counters of processors or threads that may lag by a batch of pages each.
    const std::uint64_t kept =
        host::rss_kept_by_threads(trace_.meta_or("host.kernel"), subject_.status->threads);
    compare("resident (VmRSS of status)", map.total.resident, subject_.status->vm_rss,
            std::max(kept, kMiB), "status may lag by some pages for each CPU or thread");
    compare("swapped (VmSwap of status)", map.total.swapped, subject_.status->vm_swap, kMiB, "");
  }

  const event::Trace& trace_;
  const attribution::OwnerHistory& owners_;
  const Subject& subject_;
  event::Pid pid_;
  Moment moment_;
  ThreadIndex threads_;
  Residency residency_;
  std::vector<attribution::Region> regions_;
  std::vector<std::uint64_t> faults_;  // by region
  bool seen_ = false;
};

}  // namespace

std::optional<Nanoseconds> parse_moment(std::string_view text) {
  struct Unit {
    std::string_view name;
    double ns;
  };
  constexpr std::array kUnits = {Unit{"ns", 1}, Unit{"us", 1e3}, Unit{"µs", 1e3}, Unit{"ms", 1e6},
                                 Unit{"s", 1e9}};
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    const std::string_view number = text.substr(0, text.size() - unit.name.size());
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc{} || end != number.data() + number.size() || number.empty()) continue;
    const double ns = value * unit.ns;
    if (!std::isfinite(ns) || ns < 0 || ns > 9e18) return std::nullopt;
    return static_cast<Nanoseconds>(ns);
  }
  return std::nullopt;
}

Result<model::MemoryMap> recorded_map(event::EventSource& source,
                                      const RecordedMapOptions& options) {
  const event::Trace trace = FT_TRY(source.trace());
  const auto owners = attribution::OwnerHistory::build(trace);
  const Subject subject = choose_subject(trace, owners);
  const event::Pid pid = options.pid.value_or(subject.pid);
  Nanoseconds end = subject.end_ts;
  if (pid != subject.pid) {
    const auto process = std::ranges::find(trace.processes, pid, &event::Process::pid);
    if (process == trace.processes.end()) {
      return fail(fmt::format("process {}", pid), "the recording has no such process");
    }
    // Its memory goes with it.
    if (process->end_ts != event::kStillThere) end = process->end_ts - 1;
  }
  const Moment moment = FT_TRY(moment_of(trace, options.at, end));
  RecordedMap map(trace, owners, subject, pid, moment);
  FT_TRY_VOID(source.faults([&](std::span<const event::Fault> faults) {
    for (const event::Fault& fault : faults) map.on_fault(fault);
  }));
  return map.tell();
}

}  // namespace ft::analysis
