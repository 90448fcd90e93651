#include "analysis/live_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>
#include <string_view>
#include <vector>

#include "analysis/arrivals.h"
#include "analysis/map_builder.h"
#include "attribution/live/jvm_answer.h"
#include "attribution/live/live_owners.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/units.h"
#include "host/content_sample.h"
#include "host/folio_scan.h"
#include "host/numa_maps.h"
#include "host/page_scan.h"
#include "host/process_memory.h"
#include "host/smaps.h"
#include "host/status.h"

namespace ft::analysis {

namespace {

namespace model = report::model;

// Without PAGEMAP_SCAN the walk reads eight bytes for each page, mapped or not: of mappings larger
// than this the figures that need it stay unknown.
constexpr std::uint64_t kLargestReadByWords = 64 * kGiB;
// Less in huge pages than this is not worth a look at what they hold.
constexpr std::uint64_t kWorthMeasuring = 64 * kMiB;
// Addresses of programs; the kernel's own [vsyscall] lies above.
constexpr std::uint64_t kUserEnd = std::uint64_t{1} << 56U;

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

// What could not be read, in words: gone, or not allowed.
std::unexpected<Error> why_not(const host::HostFiles& files, const host::ProcessIdentity& who,
                               Error error) {
  const auto sight = host::look_at_process(files, who, 0);
  if (sight && sight->presence != host::Presence::There) {
    return fail(fmt::format("process {}", who.pid), "has ended");
  }
  // What was opened belongs to an address space that is no more.
  if (error.why == std::string_view(std::strerror(ESRCH))) {
    return fail(fmt::format("process {}", who.pid),
                "has started another program while it was looked at", "ask again");
  }
  return std::unexpected(std::move(error));
}

struct Rollup {
  host::SmapsCounters sums;
  std::uint64_t faults_before = 0;
  std::uint64_t faults_after = 0;
  std::uint64_t rss_before = 0;
  std::uint64_t rss_after = 0;
  std::optional<std::uint64_t> vm_pte;

  // Bytes that may have come or gone between the looks.
  std::uint64_t changed() const {
    const std::uint64_t moved =
        rss_after > rss_before ? rss_after - rss_before : rss_before - rss_after;
    return moved + (faults_after - faults_before) * kPageSize;
  }
};

}  // namespace

struct LiveMap::State {
  host::HostFiles files;
  LiveMapOptions options;
  host::ProcessIdentity who;
  attribution::LiveOwners owners;
  host::PageScan scan;
  Result<host::FolioScan> folios;
  Arrivals arrivals;  // between quick looks
  host::HugePageSample huge_sample;
  std::optional<std::uint32_t> only_node;
  std::string command;
  std::optional<attribution::JvmAnswer> answer;  // of the last look

  std::string path(std::string_view name) const {
    return files.path(fmt::format("/proc/{}/{}", who.pid, name));
  }

  std::unexpected<Error> explain(Error error) const {
    return why_not(files, who, std::move(error));
  }

  Result<std::string> read(std::string_view name) const {
    auto text = read_file(path(name));
    if (!text) return explain(std::move(text).error());
    // The files of a process that has just ended are empty.
    if (text->empty()) return fail(fmt::format("process {}", who.pid), "has ended");
    return text;
  }

  Result<host::ProcessMemory> sight() const {
    const host::ProcessSight seen = FT_TRY(host::look_at_process(files, who, monotonic_now()));
    if (!seen.memory) return fail(fmt::format("process {}", who.pid), "has ended");
    return *seen.memory;
  }

  static std::uint64_t faults(const host::ProcessMemory& memory) {
    return memory.stat.minor_faults + memory.stat.major_faults;
  }

  Result<model::MemoryMap> quick(const FaultCounts* faults) {
    if (!scan.scans()) return full(RegionsWanted::No, faults);
    model::MemoryMap map = start();
    const std::string text = FT_TRY(read("maps"));
    std::vector<host::Vma> areas = FT_TRY(host::parse_maps(text, path("maps")));
    std::erase_if(areas, [](const host::Vma& area) { return area.range.start >= kUserEnd; });
    owners.assign(areas);
    MapBuilder builder(areas, owners.pieces(), owners.owners());
    builder.set_walk(MapBuilder::Walk::Scan);
    FT_TRY_VOID(walk(areas, {}, builder, Look::Quick));
    if (const auto arrived = arrivals.end_walk()) builder.on_arrived(*arrived);
    add_faults(faults, builder, map);
    if (only_node) builder.set_only_node(*only_node);
    builder.finish(map, RegionsWanted::No);
    describe(map);
    if (answer) describe_answer(map);
    for (const std::string_view what : {"dirty", "shared", "pss"}) {
      map.missing.push_back({std::string(what), "not looked up at this pace"});
    }
    return map;
  }

  // Before anything is measured: the answer costs memory, which belongs on the map.
  Result<void> ask() {
    const std::string text = FT_TRY(read("maps"));
    const std::vector<host::Vma> areas = FT_TRY(host::parse_maps(text, path("maps")));
    owners.assign(areas);
    if (!owners.is_jvm()) {
      return fail(fmt::format("asking the JVM {}", who.pid), "it is no HotSpot JVM",
                  "leave out --ask-jvm");
    }
    answer = FT_TRY(attribution::ask_for_memory(files, who, owners.hotspot()));
    owners.set_answer(*answer);
    return {};
  }

  static void add_faults(const FaultCounts* faults, MapBuilder& builder, model::MemoryMap& map) {
    if (!faults) return;
    map.faults_elsewhere = builder.on_faults(faults->places) + faults->without_a_place;
  }

  Result<model::MemoryMap> full(RegionsWanted wanted, const FaultCounts* counted) {
    if (options.ask_jvm) FT_TRY_VOID(ask());
    model::MemoryMap map = start();
    Rollup rollup;
    const host::ProcessMemory before = FT_TRY(sight());
    // Both walk all page tables, and are to tell of the same moment: side by side.
    auto rollup_text = std::async(std::launch::async, [this] { return read("smaps_rollup"); });
    Result<std::string> smaps_text = read("smaps");
    const std::string sums = FT_TRY(rollup_text.get());
    const std::string text = FT_TRY(std::move(smaps_text));
    const host::ProcessMemory after = FT_TRY(sight());
    rollup.sums = FT_TRY(host::parse_smaps_rollup(sums, path("smaps_rollup")));
    rollup.faults_before = faults(before);
    rollup.faults_after = faults(after);
    rollup.rss_before = before.status.vm_rss.value_or(0);
    rollup.rss_after = after.status.vm_rss.value_or(0);
    rollup.vm_pte = after.status.vm_pte;

    std::vector<host::SmapsEntry> entries = FT_TRY(host::parse_smaps(text, path("smaps")));
    std::erase_if(entries,
                  [](const host::SmapsEntry& entry) { return entry.vma.range.start >= kUserEnd; });
    std::vector<host::Vma> areas;
    areas.reserve(entries.size());
    for (host::SmapsEntry& entry : entries) areas.push_back(std::move(entry.vma));
    owners.assign(areas);
    MapBuilder builder(areas, owners.pieces(), owners.owners());
    builder.set_counters(entries);
    builder.set_walk(scan.scans() ? MapBuilder::Walk::Scan : MapBuilder::Walk::Words);
    const std::string why_no_folios = what_forbids_folios(rollup.sums);
    FT_TRY_VOID(
        walk(areas, entries, builder, why_no_folios.empty() ? Look::WithFolios : Look::Thorough));
    if (scan.scans()) (void)arrivals.end_walk();
    if (!folios || !why_no_folios.empty()) {
      map.missing.push_back({"folios", folios ? why_no_folios : folios.error().message()});
    }
    add_faults(counted, builder, map);
    std::vector<host::NumaArea> nodes;
    if (only_node) {
      builder.set_only_node(*only_node);
    } else if (auto numa = read("numa_maps")) {
      nodes = FT_TRY(host::parse_numa_maps(*numa, path("numa_maps")));
      builder.set_nodes(nodes);
    } else {
      map.missing.push_back({"nodes", numa.error().message()});
    }
    builder.finish(map, wanted);
    describe(map);
    if (answer) describe_answer(map);
    look_inside(map);
    reconcile(rollup, map);
    return map;
  }

  model::MemoryMap start() const {
    model::MemoryMap map;
    map.pid = who.pid;
    map.taken_at = realtime_now();
    map.command = command;
    return map;
  }

  // What is mapped by a PMD entry is a folio of 2 MiB without looking at its frames. Where the
  // frames may not be looked at, folios are not told, and why is kept.
  void look_at_folios(const host::PageRun& run, MapBuilder& builder) {
    if (!run.resident() || !folios) return;
    if (run.huge) return builder.on_folios(run.range, host::kFolioOrders - 1);
    auto walked = folios->walk(
        run.range, [&](AddressRange part, unsigned order) { builder.on_folios(part, order); });
    if (!walked) {
      builder.forget_folios();
      folios = std::unexpected(std::move(walked).error());
    }
  }

  // Empty: nothing but the right to look at frames could be missing.
  std::string what_forbids_folios(const host::SmapsCounters& sums) const {
    if (!scan.scans()) return "the kernel has no PAGEMAP_SCAN (6.7)";
    const std::uint64_t huge = sums.anon_huge_pages + sums.shmem_pmd_mapped + sums.file_pmd_mapped;
    const std::uint64_t one_by_one = sums.rss > huge ? sums.rss - huge : 0;
    if (options.folios == FoliosWanted::All || one_by_one <= kMostForFolios) return {};
    return fmt::format("{} are mapped in small pages, and looking at each takes a while: --folios",
                       human_bytes(one_by_one));
  }

  enum class Look : std::uint8_t { Quick, Thorough, WithFolios };
  Result<void> walk(std::span<const host::Vma> areas, std::span<const host::SmapsEntry> entries,
                    MapBuilder& builder, Look look) {
    const bool with_folios = look == Look::WithFolios;
    const bool sampling = look != Look::Quick && scan.scans();
    huge_sample = {};
    if (with_folios && folios) folios->forget();
    const auto visit = [&](const host::PageRun& run) {
      builder.on_run(run);
      if (run.resident()) arrivals.on_resident(run.range);
      if (sampling && run.huge && !run.file) huge_sample.add(run.range);
      if (with_folios) look_at_folios(run, builder);
    };
    if (areas.empty()) return {};
    if (scan.scans()) {
      auto walked = scan.walk({areas.front().range.start, areas.back().range.end}, visit);
      return walked ? walked : explain(std::move(walked).error());
    }
    bool left_out = false;
    for (std::size_t i = 0; i < areas.size(); ++i) {
      const bool empty = entries[i].counters.resident() == 0 && entries[i].counters.swap == 0;
      if (empty) continue;
      if (areas[i].range.size() > kLargestReadByWords) {
        left_out = true;
        continue;
      }
      auto walked = scan.walk(areas[i].range, visit);
      if (!walked) return explain(std::move(walked).error());
    }
    if (left_out) builder.set_walk(MapBuilder::Walk::None);
    return {};
  }

  void describe(model::MemoryMap& map) const {
    map.jvm = owners.jvm();
    map.notes = owners.notes();
    const std::uint64_t again = map.total.mapped_again.value_or(0);
    if (again != 0) {
      map.notes.push_back(fmt::format(
          "{} are pages of files that are mapped at two or more addresses of this process: the "
          "kernel's Rss counts them each time, the column resident here once",
          human_bytes(again)));
    }
    if (!map.total.tables) {
      map.missing.push_back({"tables",
                             "the kernel has no PAGEMAP_SCAN (6.7), and a mapping is too "
                             "large to read its pages one by one"});
    }
  }

  void describe_answer(model::MemoryMap& map) const {
    map.asked = model::JvmAsked{.commands = answer->commands,
                                .nmt_reserved = {},
                                .nmt_committed = {},
                                .resident_before = answer->resident_before,
                                .resident_after = answer->resident_after,
                                .threads_before = answer->threads_before,
                                .threads_after = answer->threads_after};
    if (answer->nmt) {
      map.asked->nmt_reserved = answer->nmt->total_reserved;
      map.asked->nmt_committed = answer->nmt->total_committed;
    }
    map.notes.insert(map.notes.end(), answer->notes.begin(), answer->notes.end());
  }

  void add_malloc_use(model::MemoryMap& map) {
    const auto use = owners.c_heap_use();
    if (!use) return;
    map.c_heap_used = use->used;
    map.c_heap_arenas = use->arenas - 1;
  }

  // What only a look at contents tells: malloc's lists, and huge pages full of zeroes.
  void look_inside(model::MemoryMap& map) {
    if (!options.read_memory) return;
    add_malloc_use(map);
    if (map.total.huge.value_or(0) < kWorthMeasuring) return;
    if (const auto share = huge_sample.used_share(who.pid)) {
      map.huge_used = static_cast<std::uint64_t>(*share * static_cast<double>(*map.total.huge));
    }
  }

  // One line: ours, the kernel's, and how far apart they may be.
  static void compare(model::MemoryMap& map, std::string what, std::uint64_t ours,
                      std::uint64_t kernel, std::uint64_t tolerance, std::string note) {
    const std::int64_t apart = std::abs(as_signed(ours) - as_signed(kernel));
    map.reconcile.push_back({.what = std::move(what),
                             .recorded = as_signed(ours),
                             .kernel = as_signed(kernel),
                             .agrees = apart <= as_signed(tolerance),
                             .tolerance = as_signed(tolerance),
                             .unit = "bytes",
                             .note = std::move(note)});
  }

  void reconcile(const Rollup& rollup, model::MemoryMap& map) const {
    const std::uint64_t changed = rollup.changed();
    const std::string meanwhile = changed == 0
                                      ? ""
                                      : fmt::format("{} page faults between the two looks",
                                                    rollup.faults_after - rollup.faults_before);
    const host::SmapsCounters& sums = rollup.sums;
    std::uint64_t huge = sums.anon_huge_pages + sums.shmem_pmd_mapped + sums.file_pmd_mapped +
                         sums.shared_hugetlb + sums.private_hugetlb;
    if (map.total.resident) {
      compare(map, "resident (smaps_rollup Rss)", *map.total.resident, sums.resident(), changed,
              meanwhile);
    }
    if (map.total.pss) {
      // The kernel cuts each area's figure to whole kilobytes.
      compare(map, "pss (smaps_rollup Pss)", *map.total.pss, sums.pss, changed + map.areas * kKiB,
              "each mapping's figure is cut to whole kilobytes");
    }
    if (map.total.swapped) {
      compare(map, "swapped (smaps_rollup Swap)", *map.total.swapped, sums.swap, changed,
              meanwhile);
    }
    if (map.total.huge) {
      compare(map, "huge (smaps_rollup AnonHugePages and others)", *map.total.huge, huge,
              changed == 0 ? 0 : changed * 512, meanwhile);
    }
    if (map.total.tables && rollup.vm_pte) {
      // Tables that became empty stay until their range is unmapped.
      const std::uint64_t ours = *map.total.tables;
      const std::uint64_t kernel = *rollup.vm_pte;
      const std::uint64_t empty = kernel > ours ? kernel - ours : 0;
      compare(map, "page tables (VmPTE)", ours, kernel, std::max(empty, changed / 512 + kPageSize),
              empty == 0 ? ""
                         : fmt::format("{} pages of tables hold nothing any more, or marks only",
                                       empty / kPageSize));
    }
  }
};

LiveMap::LiveMap(std::unique_ptr<State> state) : state_(std::move(state)) {}
LiveMap::LiveMap(LiveMap&&) noexcept = default;
LiveMap& LiveMap::operator=(LiveMap&&) noexcept = default;
LiveMap::~LiveMap() = default;

Result<LiveMap> LiveMap::open(pid_t pid, const LiveMapOptions& options,
                              const host::HostFiles& files) {
  const host::ProcessIdentity who = FT_TRY(host::identify_process(files, pid));
  // The one file of the process that says, in words, who may look at it.
  if (auto maps = host::read_map_count(files, who); !maps) {
    return why_not(files, who, std::move(maps).error());
  }
  auto scan = host::PageScan::open(pid);
  if (!scan) return why_not(files, who, std::move(scan).error());
  const auto reading =
      options.read_memory ? attribution::TargetReading::Allowed : attribution::TargetReading::Never;
  auto state = std::make_unique<State>(
      State{.files = files,
            .options = options,
            .who = who,
            .owners = attribution::LiveOwners::make(pid, files, reading),
            .scan = std::move(*scan),
            .folios = host::FolioScan::open(pid, files),
            .arrivals = {},
            .huge_sample = {},
            .only_node = {},
            .command = files.text(fmt::format("/proc/{}/comm", pid)).value_or(""),
            .answer = {}});
  const auto online = files.text("/sys/devices/system/node/online");
  if (online && host::count_of_list(*online) == 1) {
    state->only_node = parse_integer<std::uint32_t>(*online);
  }
  return LiveMap(std::move(state));
}

Result<void> LiveMap::ask_jvm() {
  return state_->ask();
}

void LiveMap::add_malloc_use(model::MemoryMap& map) {
  if (state_->options.read_memory) state_->add_malloc_use(map);
}

Result<model::MemoryMap> LiveMap::take(MapDetail detail, const FaultCounts* faults) {
  if (detail == MapDetail::Quick) return state_->quick(faults);
  return state_->full(state_->options.regions ? RegionsWanted::Yes : RegionsWanted::No, faults);
}

}  // namespace ft::analysis
