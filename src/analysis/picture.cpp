#include "analysis/picture.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "analysis/call_stages.h"
#include "analysis/call_words.h"
#include "analysis/placement.h"
#include "base/check.h"
#include "host/buddyinfo.h"

namespace ft::analysis {

namespace {

namespace model = report::model;

constexpr std::size_t kMostRegions = 40'000;
constexpr std::size_t kMostPictureCalls = 20'000;
constexpr std::size_t kMostEvents = 5'000;

// Keeps the `most` largest by `size`, in their old order; returns how many went.
template <typename Items, typename Size>
model::Count keep_largest(Items& items, std::size_t most, Size size) {
  if (items.size() <= most) return 0;
  std::vector<std::uint64_t> sizes;
  sizes.reserve(items.size());
  for (const auto& item : items) sizes.push_back(static_cast<std::uint64_t>(size(item)));
  const auto least = sizes.end() - static_cast<std::ptrdiff_t>(most);
  std::ranges::nth_element(sizes, least);
  const std::uint64_t smallest = *least;
  auto equals = static_cast<std::size_t>(std::count(least, sizes.end(), smallest));
  const std::size_t before = items.size();
  std::erase_if(items, [&](const auto& item) {
    const auto of_item = static_cast<std::uint64_t>(size(item));
    if (of_item != smallest) return of_item < smallest;
    if (equals == 0) return true;
    --equals;
    return false;
  });
  return before - items.size();
}

model::Known<Nanoseconds> ended(Nanoseconds ts) {
  return ts == event::kStillThere ? model::Known<Nanoseconds>{} : ts;
}

std::string_view name_of(event::MmEventKind kind) {
  using event::MmEventKind;
  switch (kind) {
    case MmEventKind::DirectReclaim:
      return "direct reclaim";
    case MmEventKind::KswapdWake:
      return "kswapd woken";
    case MmEventKind::Compaction:
      return "compaction";
    case MmEventKind::OomVictim:
      return "killed for lack of memory";
    case MmEventKind::MmapLockWait:
      return "wait for mmap_lock";
    case MmEventKind::SwapIn:
      return "page read from swap";
    case MmEventKind::SwapOut:
      return "pages written to swap";
    case MmEventKind::MemcgReclaim:
      return "reclaim in its memory cgroup";
    case MmEventKind::ThpCollapse:
      return "khugepaged";
    case MmEventKind::Migration:
      return "pages moved";
  }
  return "unknown";
}

class Drawer {
 public:
  Drawer(Passes& passes, const model::Report& report)
      : passes_(passes), report_(report), drawing_(*passes.drawing) {}

  model::Picture take() {
    picture_.end_ns = drawing_.end_ns();
    draw_names();
    draw_regions();
    draw_touches();
    draw_calls();
    draw_over_time();
    draw_events();
    draw_tables();
    draw_free_lists();
    draw_placement();
    return std::move(picture_);
  }

 private:
  void miss(std::string what, std::string why) {
    picture_.missing.push_back({std::move(what), std::move(why)});
  }

  std::uint32_t thread_of(event::Tid tid, Nanoseconds ts) const {
    const std::int32_t index = passes_.threads.find(tid, ts);
    return index == ThreadIndex::kNone ? static_cast<std::uint32_t>(passes_.trace.threads.size())
                                       : static_cast<std::uint32_t>(index);
  }

  void draw_names() {
    for (const attribution::Owner& owner : passes_.owners.owners()) {
      picture_.owners.push_back({std::string(jvm::name_of(owner.subsystem)), owner.detail,
                                 std::string(attribution::name_of(owner.evidence))});
    }
    if (picture_.owners.empty()) picture_.owners.push_back({"Unknown", "", "none"});
    for (const event::Thread& thread : passes_.trace.threads) {
      picture_.threads.push_back(
          {thread.tid, thread.pid, thread.name, thread.start_ts, ended(thread.end_ts)});
    }
    for (std::size_t kind = 0; kind < kFaultClassCount; ++kind) {
      picture_.fault_kinds.emplace_back(analysis::name_of(static_cast<FaultClass>(kind)));
    }
    picture_.fault_kinds.emplace_back("brought by a call, no fault");
  }

  void draw_regions() {
    std::map<event::FileId, std::int32_t> files;
    std::vector<const attribution::Region*> regions;
    for (const attribution::Region& region : passes_.owners.regions()) {
      if (region.pid != passes_.subject.pid || region.range.empty()) continue;
      if (region.from_ts <= passes_.subject.end_ts) regions.push_back(&region);
    }
    picture_.regions_left_out =
        keep_largest(regions, kMostRegions,
                     [](const attribution::Region* region) { return region->range.size(); });
    for (const attribution::Region* from : regions) {
      model::PictureRegion& region = picture_.regions.emplace_back();
      region.start = from->range.start;
      region.size = from->range.size();
      region.from_ts = from->from_ts;
      // What goes with the process itself was there until the end.
      if (from->to_ts <= passes_.subject.end_ts) region.to_ts = ended(from->to_ts);
      region.owner = from->owner < picture_.owners.size() ? from->owner : 0;
      region.rights = from->prot;
      region.committed = from->committed;
      if (from->made_by >= 0) region.call = static_cast<std::uint64_t>(from->made_by) + 1;
      if (from->file < 0 || static_cast<std::size_t>(from->file) >= passes_.trace.files.size())
        continue;
      const auto [known, added] =
          files.try_emplace(from->file, static_cast<std::int32_t>(picture_.files.size()));
      if (added) {
        picture_.files.push_back(passes_.trace.files[static_cast<std::size_t>(from->file)].path);
      }
      region.file = known->second;
    }
    if (picture_.regions.empty()) miss("map", "the recording has no mapping of a process");
  }

  // What calls brought in without a fault, as blocks of a power of two.
  void add_populated() {
    for (const SpaceChange& change : passes_.residency.changes()) {
      if (change.kind != SpaceChange::Kind::Populate || change.range.size() > kMostPopulated)
        continue;
      const attribution::Region* region =
          passes_.owners.region_at(passes_.subject.pid, change.range.start, change.ts);
      for (std::uint64_t at = change.range.start; at < change.range.end;) {
        const std::uint64_t pages = (change.range.end - at) >> kPageShift;
        if (pages == 0) break;
        const auto order = static_cast<unsigned>(
            std::min<std::uint64_t>(std::countr_zero(at >> kPageShift | kHugePageSize),
                                    static_cast<std::uint64_t>(std::bit_width(pages)) - 1));
        model::TouchCell cell;
        cell.ts = change.ts;
        cell.start = at;
        cell.pages = std::uint64_t{1} << order;
        cell.order = static_cast<std::uint8_t>(order);
        cell.thread = static_cast<std::uint32_t>(picture_.threads.size());
        if (change.call >= 0) {
          const event::Syscall& call =
              passes_.trace.syscalls[static_cast<std::size_t>(change.call)];
          cell.thread = thread_of(call.tid, call.ts);
        }
        cell.owner = region ? region->owner : 0;
        cell.kind = static_cast<std::uint8_t>(kFaultClassCount);
        drawing_.cells().add(cell);
        at += cell.pages * kPageSize;
      }
    }
  }

  void draw_touches() {
    if (passes_.faults_seen == FaultsSeen::No) {
      miss("touched", model::why_missing(report_, "faults"));
    } else {
      add_populated();
      picture_.cells = drawing_.cells().finish(passes_.residency.changes());
      for (model::TouchCell& cell : picture_.cells) {
        if (cell.owner >= picture_.owners.size()) cell.owner = 0;
      }
      picture_.cell_ns = drawing_.cells().cell_ns();
      picture_.cell_order = drawing_.cells().cell_order();
    }
    picture_.stages = sum_stages(passes_.trace.syscalls, passes_.calls);
    model::Stage& touch = picture_.stages[kTouchStage];
    if (!report_.faults) return;
    touch.count = report_.faults->count;
    touch.ns = report_.faults->total_ns;
    touch.bytes = drawing_.touched_bytes();
  }

  void draw_calls() {
    for (std::size_t i = 0; i < passes_.trace.syscalls.size(); ++i) {
      const event::Syscall& from = passes_.trace.syscalls[i];
      if (!MemoryCalls::is_memory(from)) continue;
      model::PictureCall& call = picture_.calls.emplace_back();
      call.id = i + 1;
      call.ts = from.ts;
      if (from.dur >= 0) call.dur_ns = from.dur;
      call.net_ns = passes_.calls.net_ns(i);
    }
    picture_.calls_left_out =
        keep_largest(picture_.calls, kMostPictureCalls,
                     [](const model::PictureCall& call) { return call.dur_ns.value_or(0); });
    for (model::PictureCall& call : picture_.calls) {
      const event::Syscall& from = passes_.trace.syscalls[call.id - 1];
      call.thread = thread_of(from.tid, from.ts);
      call.owner = passes_.owner_of_call(call.id - 1);
      call.stage = static_cast<std::uint8_t>(stage_of(from));
      call.failed = from.failed();
      call.name = event::name_of(from.number);
      call.words = in_words(from, passes_.trace);
      const bool placed = from.number == event::SyscallNumber::Mmap && !from.failed();
      call.address = placed ? static_cast<std::uint64_t>(from.ret) : from.addr();
      call.length = from.length();
    }
  }

  void draw_over_time() {
    if (report_.faults) picture_.latency = drawing_.latency();
    if (report_.page_allocs) picture_.allocations = drawing_.allocations();
    if (report_.tlb_flushes) picture_.flushes = drawing_.flushes();
  }

  void draw_events() {
    for (const event::MmEvent& from : passes_.trace.mm_events) {
      picture_.events.push_back({from.ts, std::max<Nanoseconds>(from.dur, 0),
                                 thread_of(from.tid, from.ts), std::string(name_of(from.kind)),
                                 from.value, from.detail});
    }
    picture_.events_left_out =
        keep_largest(picture_.events, kMostEvents,
                     [](const model::PictureEvent& event) { return event.dur_ns; });
  }

  void draw_tables() {
    if (!report_.page_tables.by_level) {
      miss("tables", model::why_missing(report_, "page_tables.by_level"));
      return;
    }
    std::vector<model::PageDirectory> directories;
    passes_.residency.pages().for_each_table([&](const TouchedPages::Table& table) {
      const std::uint64_t gib = table.start & ~(kGiB - 1);
      if (directories.empty() || directories.back().start != gib) {
        directories.emplace_back().start = gib;
      }
      model::PageDirectory& directory = directories.back();
      const auto first = part_for(directory, table.first);
      ++directory.parts[first].pte_tables;
      if (table.huge) ++directory.parts[first].huge;
      std::uint64_t resident = 0;
      for (const auto& [page_class, pages] : table.resident) {
        directory.parts[part_for(directory, page_class)].pages += pages;
        resident += pages;
      }
      // The shared zero page: an entry, and no memory.
      directory.parts[first].pages += table.touched - std::min(resident, table.touched);
    });
    picture_.tables = std::move(directories);
  }

  std::size_t part_for(model::PageDirectory& directory, PageClass page_class) const {
    const attribution::OwnerId owner = Residency::owner_of(page_class);
    const jvm::Subsystem subsystem = passes_.owner(owner).subsystem;
    const auto found = std::ranges::find_if(directory.parts, [&](const auto& part) {
      return passes_.owner(part.owner).subsystem == subsystem;
    });
    if (found != directory.parts.end()) {
      return static_cast<std::size_t>(found - directory.parts.begin());
    }
    const bool known = owner < picture_.owners.size();
    directory.parts.push_back({known ? owner : 0, 0, 0, 0});
    return directory.parts.size() - 1;
  }

  void draw_free_lists() {
    std::vector<const event::Snapshot*> taken;
    for (const event::Snapshot& snapshot : passes_.trace.snapshots) {
      if (snapshot.source == "buddyinfo") taken.push_back(&snapshot);
    }
    if (taken.empty()) {
      miss("free_lists", "no snapshot of /proc/buddyinfo was taken");
      return;
    }
    std::set<const event::Snapshot*> shown = {taken.front(), taken.back()};
    for (const event::Snapshot* snapshot : taken) {
      if (!shown.contains(snapshot)) continue;
      const auto zones = host::parse_buddyinfo(snapshot->text);
      if (!zones) {
        miss("free_lists", zones.error().message());
        continue;
      }
      for (const host::FreeBlocks& zone : *zones) {
        picture_.free_lists.push_back(
            {snapshot->moment, snapshot->ts, zone.node, zone.zone, zone.blocks_by_order});
      }
    }
    if (taken.size() == 1)
      miss("free_lists", "there is one snapshot of them, and nothing to compare");
  }

  void draw_placement() {
    const auto placement = placement_at_end(passes_);
    if (!placement) {
      miss("placement", placement.error().why);
      return;
    }
    for (const auto& [subsystem, nodes] : *placement) {
      picture_.placement.push_back(
          {std::string(jvm::name_of(subsystem)), {nodes.begin(), nodes.end()}});
    }
  }

  static constexpr std::uint64_t kMostPopulated = TouchedPages::kMostFilled;

  Passes& passes_;
  const model::Report& report_;
  Drawing& drawing_;
  model::Picture picture_;
};

}  // namespace

report::model::Picture draw(Passes& passes, const report::model::Report& report) {
  FT_CHECK(passes.drawing);
  return Drawer(passes, report).take();
}

}  // namespace ft::analysis
