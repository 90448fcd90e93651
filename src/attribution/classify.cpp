#include "attribution/classify.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "attribution/shapes.h"
#include "base/text.h"
#include "jvm/installation.h"
#include "jvm/threads.h"

namespace ft::attribution {

namespace {

using event::SyscallNumber;
using jvm::RuleEffect;
using jvm::Subsystem;

bool is_archive(std::string_view path) {
  return path.ends_with(".jsa") || path.ends_with(".aot") || path.ends_with(".jsa (deleted)");
}

class Classifier {
 public:
  Classifier(const event::Trace& trace, const Replay& replay, CallFacts& facts)
      : trace_(trace), replay_(replay), facts_(facts), owners_(replay.areas.size()) {}

  std::vector<AreaOwner> run() {
    look_at_boxes();
    look_at_threads();
    look_at_clones();
    for (AreaId id = 1; id < replay_.areas.size(); ++id) owners_[id] = first_look(id);
    name_arenas();
    name_g1_tables();
    name_shenandoah_tables();
    name_zgc_views();
    split_archives();
    split_code_heaps();
    guess_the_rest();
    return std::move(owners_);
  }

 private:
  // --- facts gathered once ----------------------------------------------------------------------

  void look_at_boxes() {
    by_area_.resize(replay_.areas.size());
    for (const Box& box : replay_.boxes) {
      AreaSight& sight = by_area_[box.area];
      sight.executable = sight.executable || (box.prot & PROT_EXEC) != 0;
      if (box.file == event::kNoFile) continue;
      const std::string& path = path_of(box.file);
      if (is_archive(path)) {
        if (!sight.archive.empty()) {
          sight.archive = {std::min(sight.archive.start, box.range.start),
                           std::max(sight.archive.end, box.range.end)};
        } else {
          sight.archive = box.range;
        }
      }
      sight.memfd = sight.memfd || path.find("memfd:") != path.npos;
      if (jvm::is_libjvm(path)) jvm_spaces_.insert(replay_.areas[box.area].space);
      if (jvm::is_libjvm(path)) jvm_pids_.insert(box.pid);
    }
    // Without exec or file facts (an import of a filtered log) the stacks still name libjvm.
    for (const Area& area : replay_.areas) {
      if (area.made_by < 0) continue;
      const StackFacts& facts = facts_of(area);
      if (facts.through_libjvm || facts.rule != nullptr) jvm_spaces_.insert(area.space);
    }
  }

  void look_at_threads() {
    for (const event::Thread& thread : trace_.threads) {
      thread_names_[{thread.pid, thread.tid}] = thread.name;
    }
  }

  // Which thread got which stack: clone by the thread that mapped it, next after the mmap.
  void look_at_clones() {
    std::unordered_map<event::Tid, AreaId> pending;
    for (std::size_t i = 0; i < trace_.syscalls.size(); ++i) {
      const event::Syscall& call = trace_.syscalls[i];
      if (call.failed()) continue;
      if (call.number == SyscallNumber::Mmap && (call.flags() & MAP_STACK) != 0) {
        pending[call.tid] = replay_.targets[i].area;
      } else if (call.number == SyscallNumber::Clone3 || call.number == SyscallNumber::Clone) {
        const auto it = pending.find(call.tid);
        if (it == pending.end()) continue;
        by_area_[it->second].tid = static_cast<event::Tid>(call.ret);
        pending.erase(it);
      }
    }
  }

  // --- the ladder -------------------------------------------------------------------------------

  AreaOwner first_look(AreaId id) {
    const Area& area = replay_.areas[id];
    switch (area.origin) {
      case AreaOrigin::Nothing:
        return {};
      case AreaOrigin::Brk:
        return own(Subsystem::CHeap, Evidence::ProcName, "brk");
      case AreaOrigin::Snapshot:
        return by_proc_name(id);
      case AreaOrigin::Attempt:
        return by_rule(*facts_of(area).rule, id);
      case AreaOrigin::Call:
        break;
    }
    const StackFacts& facts = facts_of(area);
    if (!area.name.empty())
      return own(Subsystem::OtherFiles, Evidence::File, "System V shared memory");
    if ((area.flags & MAP_ANONYMOUS) == 0) return by_file(id, facts);
    if ((area.flags & MAP_STACK) != 0) return by_thread(id, facts);
    if (facts.caller == Caller::Loader) {
      return own(Subsystem::Libraries, Evidence::Stack, "loader");
    }
    if (facts.caller == Caller::Libc) return by_malloc(id, facts);
    if (facts.rule != nullptr) return by_rule(*facts.rule, id);
    if (facts.caller == Caller::Libjvm && facts.direct_buffer) {
      return own(Subsystem::DirectAndMappedBuffers, Evidence::Stack, "direct");
    }
    return {};
  }

  AreaOwner by_proc_name(AreaId id) {
    const Area& area = replay_.areas[id];
    if (area.name == "[heap]") return own(Subsystem::CHeap, Evidence::ProcName, "brk");
    if (area.name == "[stack]") return own(Subsystem::MainStack, Evidence::ProcName);
    if (area.name == "[vdso]" || area.name.starts_with("[vvar") || area.name == "[uprobes]" ||
        area.name == "[vsyscall]") {
      return own(Subsystem::Kernel, Evidence::ProcName,
                 std::string_view(area.name).substr(1, area.name.size() - 2));
    }
    if (area.name.starts_with("[anon: glibc: malloc") ||
        area.name.starts_with("[anon:glibc: malloc")) {
      return own(Subsystem::CHeap, Evidence::ProcName, "malloc");
    }
    if (area.name.starts_with('/') && !is_archive(area.name)) {
      return {owner_of_file(area.name, by_area_[id].executable), {}, false};
    }
    return {};
  }

  AreaOwner by_file(AreaId id, const StackFacts& facts) {
    const Area& area = replay_.areas[id];
    const std::string& path = path_of(area.file);
    const bool archive = is_archive(path);
    const bool memfd = path.find("memfd:") != path.npos;
    if ((archive || memfd) && facts.rule != nullptr &&
        facts.rule->effect != RuleEffect::StackGuard) {
      return by_rule(*facts.rule, id);
    }
    if (archive) return own(Subsystem::CdsArchive, Evidence::File, base_name(path));
    if (facts.file_channel) {
      return own(Subsystem::DirectAndMappedBuffers, Evidence::Stack, base_name(path));
    }
    return {owner_of_file(path, by_area_[id].executable), {}, false};
  }

  // glibc gives its own stacks a guard page (mmap PROT_NONE, then mprotect); HotSpot asks it for
  // none where the thread runs Java code, and carves guard zones itself.
  AreaOwner by_thread(AreaId id, const StackFacts& facts) {
    const Area& area = replay_.areas[id];
    const AreaSight& sight = by_area_[id];
    const event::Tid tid = area.tid_inside != 0 ? area.tid_inside : sight.tid;
    std::string name = thread_name(tid, area);
    if (!in_jvm(area)) return own(Subsystem::ThreadStacks, Evidence::ThreadStack, name);

    jvm::ThreadKind kind = jvm::kind_of_thread_name(name);
    if (kind == jvm::ThreadKind::Unknown && area.made_by >= 0) kind = kind_by_creator(area);
    const bool glibc_guard = area.prot == PROT_NONE;
    if (kind == jvm::ThreadKind::Unknown) {
      kind = glibc_guard ? jvm::ThreadKind::Jvm : jvm::ThreadKind::Java;
    }
    if (is_main_java_thread(area) || (kind == jvm::ThreadKind::Java && name == "java")) {
      name = "main";
    }
    (void)facts;
    return own(
        kind == jvm::ThreadKind::Jvm ? Subsystem::JvmThreadStacks : Subsystem::JavaThreadStacks,
        Evidence::ThreadStack, name);
  }

  jvm::ThreadKind kind_by_creator(const Area& area) const {
    const auto stack = trace_.syscalls[static_cast<std::size_t>(area.made_by)].stack;
    if (stack < 0 || static_cast<std::size_t>(stack) >= trace_.stacks.size()) {
      return jvm::ThreadKind::Unknown;
    }
    return jvm::kind_of_creator(trace_.stacks[static_cast<std::size_t>(stack)].frames);
  }

  bool is_main_java_thread(const Area& area) const {
    if (area.made_by < 0) return false;
    const auto stack = trace_.syscalls[static_cast<std::size_t>(area.made_by)].stack;
    if (stack < 0 || static_cast<std::size_t>(stack) >= trace_.stacks.size()) return false;
    return std::ranges::any_of(trace_.stacks[static_cast<std::size_t>(stack)].frames,
                               [](const event::Frame& frame) {
                                 return frame.symbol.starts_with("CallJavaMainInNewThread");
                               });
  }

  std::string thread_name(event::Tid tid, const Area& area) const {
    const auto it = thread_names_.find({area.pid, tid});
    return it == thread_names_.end() ? std::string() : it->second;
  }

  AreaOwner by_malloc(AreaId id, const StackFacts& facts) {
    const Area& area = replay_.areas[id];
    if (looks_like_arena_reserve(area)) {
      // At some heap sizes a side table is as large as an arena; only malloc is called from libc.
      return own(Subsystem::CHeap, Evidence::ArenaShape, "arena");
    }
    if (facts.direct_buffer)
      return own(Subsystem::DirectAndMappedBuffers, Evidence::Stack, "direct");
    return own(Subsystem::CHeap, Evidence::Stack, facts.malloc_purpose);
  }

  AreaOwner by_rule(const jvm::StackRule& rule, AreaId id) {
    (void)id;
    switch (rule.effect) {
      case RuleEffect::Own:
      case RuleEffect::CdsHeapObjects:
      case RuleEffect::InheritElseOwn: {
        AreaOwner owner = own(rule.subsystem, Evidence::Stack, rule.detail);
        owner.owns_files = true;
        return owner;
      }
      case RuleEffect::CdsAndClassSpace: {
        AreaOwner owner = own(Subsystem::CdsArchive, Evidence::Stack);
        owner.owns_files = true;
        return owner;
      }
      case RuleEffect::G1SideTable:
        return own(Subsystem::GcOther, Evidence::Stack, "side table");
      case RuleEffect::Inherit:
      case RuleEffect::StackGuard:
        return {};  // nothing was reserved there: by shape, if at all
    }
    return {};
  }

  // --- naming among neighbours ------------------------------------------------------------------

  // Arenas are numbered per process in the order malloc made them; reservations that glibc gave
  // back whole, because they were not aligned, are attempts.
  void name_arenas() {
    std::map<std::uint32_t, int> count;
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      const Area& area = replay_.areas[id];
      Owner& owner = owners_[id].owner;
      if (owner.subsystem == Subsystem::Unknown && has_arena_shape(area, trace_)) {
        owner = {Subsystem::CHeap, Evidence::ArenaShape, "arena"};
      }
      if (owner.evidence != Evidence::ArenaShape) continue;
      owner.detail = is_arena_extent(area.extent) ? fmt::format("arena {}", ++count[area.space])
                                                  : std::string("arena, given back");
    }
  }

  struct AuxProbe {
    Nanoseconds ts = 0;
    event::Tid tid = 0;
    std::uint64_t size = 0;
    std::string name;
  };

  std::vector<AuxProbe> aux_probes() const {
    std::vector<AuxProbe> probes;
    constexpr std::string_view kKey = "probe.aux.";
    for (const auto& [key, value] : trace_.meta) {
      if (!key.starts_with(kKey)) continue;
      std::string_view rest = value;
      const auto ts = parse_integer<Nanoseconds>(take_word(rest));
      const auto tid = parse_integer<event::Tid>(take_word(rest));
      const auto size = parse_integer<std::uint64_t>(take_word(rest));
      const auto factor = parse_integer<std::uint64_t>(take_word(rest));
      if (!ts || !tid || !size || !factor) continue;
      probes.push_back({*ts, *tid, *size, std::string(trim(rest))});
    }
    std::ranges::sort(probes, {}, &AuxProbe::ts);
    return probes;
  }

  void name_g1_tables() {
    std::map<std::uint32_t, std::vector<AreaId>> by_space;
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      const Area& area = replay_.areas[id];
      if (area.made_by < 0 || area.origin != AreaOrigin::Call || area.extent.empty()) continue;
      const jvm::StackRule* rule = facts_of(area).rule;
      if (rule != nullptr && rule->effect == RuleEffect::G1SideTable) {
        by_space[area.space].push_back(id);
      }
    }
    for (const auto& [space, ids] : by_space) name_g1_tables_by_order(ids);
    for (const AuxProbe& probe : aux_probes()) name_by_probe(probe);
  }

  // The order in G1CollectedHeap::initialize: block offset table, card table, (until 20) card
  // counts, each heap/512; then the bitmaps, each eight times as large. A reservation that was
  // misaligned is given back whole and asked for again, so only what stayed counts.
  void name_g1_tables_by_order(const std::vector<AreaId>& ids) {
    std::uint64_t smallest = ~std::uint64_t{0};
    for (const AreaId id : ids) {
      if (stayed(id)) smallest = std::min(smallest, replay_.areas[id].extent.size());
    }
    std::vector<AreaId> bitmaps;
    std::size_t tables = 0;
    for (const AreaId id : ids) {
      if (!stayed(id)) continue;
      if (replay_.areas[id].extent.size() > 4 * smallest) {
        bitmaps.push_back(id);
        continue;
      }
      constexpr std::array kTables = {Subsystem::GcBlockOffsetTable, Subsystem::GcCardTable,
                                      Subsystem::GcCardCounts};
      if (tables < kTables.size()) owners_[id].owner = {kTables[tables], Evidence::Size, {}};
      ++tables;
    }
    for (std::size_t i = 0; i < bitmaps.size(); ++i) {
      const bool two = bitmaps.size() == 2;
      owners_[bitmaps[i]].owner = {Subsystem::GcMarkBitmap, Evidence::Size,
                                   two ? (i == 0 ? "previous" : "next") : ""};
    }
  }

  // Given back by the thread that asked for it, before anything was committed in it.
  bool stayed(AreaId id) const {
    const Area& area = replay_.areas[id];
    return area.last_ts == event::kStillThere || !area.commits.empty();
  }

  void name_by_probe(const AuxProbe& probe) {
    const std::optional<Owner> named = owner_of_aux_name(probe.name);
    if (!named) return;
    // The reservation is the thread's next one of that size after the probe.
    for (std::size_t i = first_call_after(probe.ts); i < trace_.syscalls.size(); ++i) {
      const event::Syscall& call = trace_.syscalls[i];
      if (call.tid != probe.tid || call.number != SyscallNumber::Mmap || call.failed()) continue;
      if (call.prot() != PROT_NONE || call.length() < probe.size) continue;
      const AreaId id = replay_.targets[i].area;
      if (replay_.areas[id].made_by != static_cast<std::int32_t>(i)) continue;
      owners_[id].owner = *named;
      if (stayed(id)) return;  // otherwise it was misaligned, and the next one counts
    }
  }

  std::size_t first_call_after(Nanoseconds ts) const {
    const auto it = std::ranges::lower_bound(trace_.syscalls, ts, {}, &event::Syscall::ts);
    return static_cast<std::size_t>(it - trace_.syscalls.begin());
  }

  static std::optional<Owner> owner_of_aux_name(std::string_view name) {
    if (name == "Block Offset Table")
      return Owner{Subsystem::GcBlockOffsetTable, Evidence::Probe, ""};
    if (name == "Card Table") return Owner{Subsystem::GcCardTable, Evidence::Probe, ""};
    if (name == "Card Counts Table") return Owner{Subsystem::GcCardCounts, Evidence::Probe, ""};
    if (name == "Prev Bitmap") return Owner{Subsystem::GcMarkBitmap, Evidence::Probe, "previous"};
    if (name == "Next Bitmap") return Owner{Subsystem::GcMarkBitmap, Evidence::Probe, "next"};
    if (name.ends_with("Bitmap")) return Owner{Subsystem::GcMarkBitmap, Evidence::Probe, ""};
    return std::nullopt;
  }

  // Shenandoah's bitmaps: heap/32 or heap/64 each, made first; region storage is far smaller.
  void name_shenandoah_tables() {
    const std::map<std::uint32_t, std::uint64_t> heaps = heap_sizes();
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      Owner& owner = owners_[id].owner;
      if (owner.detail != "Shenandoah") continue;
      const auto known = heaps.find(replay_.areas[id].space);
      const std::uint64_t heap = known == heaps.end() ? 0 : known->second;
      const std::uint64_t size = replay_.areas[id].extent.size();
      if (heap != 0 && size >= heap / 128) {
        const bool first = shenandoah_bitmaps_[replay_.areas[id].space]++ == 0;
        owner = {Subsystem::GcMarkBitmap, Evidence::Size, first ? "" : "auxiliary"};
      } else {
        // The collection set wants the lowest address it can get; the region storage takes any.
        const Area& area = replay_.areas[id];
        const bool hinted = area.made_by >= 0 && call_of(area).addr() != 0;
        owner.detail = hinted ? "collection set" : "region storage";
      }
    }
  }

  std::map<std::uint32_t, std::uint64_t> heap_sizes() const {
    std::map<std::uint32_t, std::uint64_t> sizes;
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      const Area& area = replay_.areas[id];
      if (owners_[id].owner.subsystem != Subsystem::JavaHeap || area.made_by < 0) continue;
      std::uint64_t& size = sizes[area.space];
      size = std::max(size, area.extent.size());
    }
    return sizes;
  }

  // ZGC until 20 maps one heap at three addresses: the colours of its pointers are address bits.
  void name_zgc_views() {
    std::map<std::uint32_t, std::vector<AreaId>> by_space;
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      const Area& area = replay_.areas[id];
      if (owners_[id].owner.subsystem == Subsystem::JavaHeap && area.file == event::kNoFile &&
          !area.extent.empty() && by_area_[id].memfd) {
        by_space[area.space].push_back(id);
      }
    }
    for (auto& [space, ids] : by_space) {
      if (ids.size() != 3) continue;
      std::ranges::sort(ids, {}, [&](AreaId id) { return replay_.areas[id].extent.start; });
      for (std::size_t i = 0; i < ids.size(); ++i) {
        owners_[ids[i]].owner.detail = fmt::format("view {}", i);
      }
    }
  }

  // Archive below, class space above, in one reservation: the border is the archive's last byte
  // rounded up to 16 MiB from the base of what outlived the trims.
  void split_archives() {
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      const Area& area = replay_.areas[id];
      if (area.made_by < 0 || area.origin != AreaOrigin::Call) continue;
      const jvm::StackRule* rule = facts_of(area).rule;
      if (rule != nullptr && rule->effect == RuleEffect::CdsAndClassSpace)
        split_archive(id, Evidence::Stack);
    }
  }

  void split_archive(AreaId id, Evidence evidence) {
    const AddressRange extent = replay_.areas[id].extent;
    const AddressRange archive = by_area_[id].archive;
    if (archive.empty() || extent.empty() || archive.end < extent.start) return;
    constexpr std::uint64_t kAlignment = 16 * kMiB;
    const std::uint64_t used = archive.end - extent.start;
    const std::uint64_t border = extent.start + (used + kAlignment - 1) / kAlignment * kAlignment;
    owners_[id].zones = {{extent.start, {Subsystem::CdsArchive, evidence, ""}}};
    if (border < extent.end) {
      owners_[id].zones.push_back({border, {Subsystem::ClassSpace, evidence, ""}});
    }
    owners_[id].owner = {Subsystem::CdsArchive, evidence, ""};
    owners_[id].owns_files = true;
  }

  // The segments of the code cache lie in one reservation, profiled, non-nmethods, non-profiled in
  // the order of addresses (17 and 25 alike); a segment begins where a commit does not continue
  // one.
  void split_code_heaps() {
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      const Owner owner = owners_[id].owner;
      if (owner.subsystem == Subsystem::CodeCache && owner.detail.empty()) split_code(id);
    }
  }

  void split_code(AreaId id) {
    const Area& area = replay_.areas[id];
    std::set<std::uint64_t> starts;
    std::set<std::uint64_t> ends;
    for (const std::int32_t index : area.commits) {
      const event::Syscall& call = trace_.syscalls[static_cast<std::size_t>(index)];
      if ((call.prot() & PROT_EXEC) == 0) continue;
      const auto start = static_cast<std::uint64_t>(call.ret);
      if (!ends.contains(start) && !starts.contains(start)) starts.insert(start);
      ends.insert(start + page_ceil(call.length()));
    }
    if (starts.size() < 2 || starts.size() > 3) return;
    std::vector<std::uint64_t> borders(starts.begin(), starts.end());
    borders.push_back(area.extent.end);
    std::size_t smallest = 0;
    for (std::size_t i = 1; i + 1 < borders.size(); ++i) {
      if (borders[i + 1] - borders[i] < borders[smallest + 1] - borders[smallest]) smallest = i;
    }
    const Evidence evidence = owners_[id].owner.evidence;
    bool profiled_seen =
        starts.size() == 2;  // without tiered compilation there is no profiled code
    for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
      std::string detail = "non-nmethods";
      if (i != smallest) {
        detail = profiled_seen ? "non-profiled" : "profiled";
        profiled_seen = true;
      }
      owners_[id].zones.push_back(
          {borders[i], {Subsystem::CodeCache, evidence, std::move(detail)}});
    }
  }

  // --- without stacks ---------------------------------------------------------------------------

  void guess_the_rest() {
    const ShapeSight sight = make_shape_sight(trace_, replay_, owners_);
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      if (owners_[id].owner.subsystem != Subsystem::Unknown) continue;
      const Area& area = replay_.areas[id];
      const AreaSight& seen = by_area_[id];
      if (in_jvm(area) && seen.archive.start >= area.extent.start && !seen.archive.empty() &&
          seen.archive.start - area.extent.start <= kPageSize && area.file == event::kNoFile &&
          area.origin == AreaOrigin::Call) {
        split_archive(id, Evidence::Size);
        continue;
      }
      owners_[id] = owner_by_shape(sight, id, facts_of(area), in_jvm(area));
      if (owners_[id].owner.subsystem == Subsystem::CodeCache && owners_[id].owner.detail.empty()) {
        split_code(id);
      }
    }
    find_missing_heaps(sight, owners_);
    name_tables_by_size(sight, owners_);
  }

  // --- helpers ----------------------------------------------------------------------------------

  struct AreaSight {
    AddressRange archive;  // where a CDS or AOT file was mapped inside
    bool memfd = false;
    bool executable = false;
    event::Tid tid = 0;  // the thread whose stack it is
  };

  static AreaOwner own(Subsystem subsystem, Evidence evidence, std::string_view detail = {}) {
    return {{subsystem, evidence, std::string(detail)}, {}, false};
  }

  bool in_jvm(const Area& area) const {
    return jvm_spaces_.contains(area.space) || jvm_pids_.contains(area.pid);
  }

  const StackFacts& facts_of(const Area& area) {
    return area.made_by < 0 ? facts_.of(event::kNoStack)
                            : facts_.of(trace_.syscalls[static_cast<std::size_t>(area.made_by)]);
  }

  // REQUIRES: area.made_by >= 0.
  const event::Syscall& call_of(const Area& area) const {
    return trace_.syscalls[static_cast<std::size_t>(area.made_by)];
  }

  const std::string& path_of(event::FileId id) const {
    static const std::string kNone;
    const auto index = static_cast<std::size_t>(id);
    return id >= 0 && index < trace_.files.size() ? trace_.files[index].path : kNone;
  }

  const event::Trace& trace_;
  const Replay& replay_;
  CallFacts& facts_;
  std::vector<AreaOwner> owners_;
  std::vector<AreaSight> by_area_;
  std::set<std::uint32_t> jvm_spaces_;
  std::set<event::Pid> jvm_pids_;
  std::map<std::uint32_t, int> shenandoah_bitmaps_;
  std::map<std::pair<event::Pid, event::Tid>, std::string> thread_names_;
};

}  // namespace

Owner owner_of_file(std::string_view path, bool executable) {
  const auto owned = [](Subsystem subsystem, std::string_view detail) {
    return Owner{subsystem, Evidence::File, std::string(detail)};
  };
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  if (path.empty()) return {};
  const std::string_view name = base_name(path);
  if (is_archive(path)) return owned(Subsystem::CdsArchive, name);
  if (path.ends_with("/lib/modules")) return owned(Subsystem::ModuleImage, "");
  if (path.find("/hsperfdata_") != path.npos) return owned(Subsystem::JvmInternal, "perf data");
  if (name.ends_with(".so") || name.find(".so.") != name.npos || executable) {
    return owned(Subsystem::Libraries, name);
  }
  return owned(Subsystem::OtherFiles, name);
}

std::vector<AreaOwner> classify(const event::Trace& trace, const Replay& replay, CallFacts& facts) {
  return Classifier(trace, replay, facts).run();
}

}  // namespace ft::attribution
