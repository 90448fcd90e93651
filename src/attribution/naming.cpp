#include "attribution/naming.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"

namespace ft::attribution {

namespace {

using event::SyscallNumber;
using jvm::RuleEffect;
using jvm::Subsystem;

std::optional<Owner> owner_of_aux_name(std::string_view name) {
  if (name == "Block Offset Table")
    return Owner{Subsystem::GcBlockOffsetTable, Evidence::Probe, ""};
  if (name == "Card Table") return Owner{Subsystem::GcCardTable, Evidence::Probe, ""};
  if (name == "Card Counts Table") return Owner{Subsystem::GcCardCounts, Evidence::Probe, ""};
  if (name == "Prev Bitmap") return Owner{Subsystem::GcMarkBitmap, Evidence::Probe, "previous"};
  if (name == "Next Bitmap") return Owner{Subsystem::GcMarkBitmap, Evidence::Probe, "next"};
  if (name.ends_with("Bitmap")) return Owner{Subsystem::GcMarkBitmap, Evidence::Probe, ""};
  return std::nullopt;
}

std::map<std::uint32_t, std::uint64_t> heap_sizes(const Replay& replay,
                                                  const std::vector<AreaOwner>& owners) {
  std::map<std::uint32_t, std::uint64_t> sizes;
  for (AreaId id = 1; id < replay.areas.size(); ++id) {
    const Area& area = replay.areas[id];
    if (owners[id].owner.subsystem != Subsystem::JavaHeap || area.made_by < 0) continue;
    std::uint64_t& size = sizes[area.space];
    size = std::max(size, area.extent.size());
  }
  return sizes;
}

}  // namespace

void Namer::run() {
  name_g1_tables();
  name_shenandoah_tables();
  name_zgc_views();
  for (AreaId id = 1; id < replay_.areas.size(); ++id) {
    const Area& area = replay_.areas[id];
    const jvm::StackRule* rule = area.origin == AreaOrigin::Call ? rule_of(area) : nullptr;
    if (rule != nullptr && rule->effect == RuleEffect::CdsAndClassSpace) {
      split_archive(id, Evidence::Stack);
    }
    const Owner owner = owners_[id].owner;
    if (owner.subsystem == Subsystem::CodeCache && owner.detail.empty()) split_code(id);
  }
}

const jvm::StackRule* Namer::rule_of(const Area& area) {
  if (area.made_by < 0) return nullptr;
  return facts_.of(trace_.syscalls[static_cast<std::size_t>(area.made_by)]).rule;
}

std::vector<Namer::AuxProbe> Namer::aux_probes() const {
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

void Namer::name_g1_tables() {
  std::map<std::uint32_t, std::vector<AreaId>> by_space;
  for (AreaId id = 1; id < replay_.areas.size(); ++id) {
    const Area& area = replay_.areas[id];
    if (area.made_by < 0 || area.origin != AreaOrigin::Call || area.extent.empty()) continue;
    const jvm::StackRule* rule = rule_of(area);
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
void Namer::name_g1_tables_by_order(std::span<const AreaId> ids) {
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

// Not given back by the thread that asked for it, before anything was committed in it.
bool Namer::stayed(AreaId id) const {
  const Area& area = replay_.areas[id];
  return area.outlived || !area.commits.empty();
}

void Namer::name_by_probe(const AuxProbe& probe) {
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

std::size_t Namer::first_call_after(Nanoseconds ts) const {
  const auto it = std::ranges::lower_bound(trace_.syscalls, ts, {}, &event::Syscall::ts);
  return static_cast<std::size_t>(it - trace_.syscalls.begin());
}

// Shenandoah's bitmaps: heap/32 or heap/64 each, made first; region storage is far smaller.
void Namer::name_shenandoah_tables() {
  const std::map<std::uint32_t, std::uint64_t> heaps = heap_sizes(replay_, owners_);
  std::map<std::uint32_t, int> bitmaps;
  for (AreaId id = 1; id < replay_.areas.size(); ++id) {
    Owner& owner = owners_[id].owner;
    if (owner.detail != "Shenandoah") continue;
    const auto known = heaps.find(replay_.areas[id].space);
    const std::uint64_t heap = known == heaps.end() ? 0 : known->second;
    const std::uint64_t size = replay_.areas[id].extent.size();
    if (heap != 0 && size >= heap / 128) {
      const bool first = bitmaps[replay_.areas[id].space]++ == 0;
      owner = {Subsystem::GcMarkBitmap, Evidence::Size, first ? "" : "auxiliary"};
    } else {
      // The collection set wants the lowest address it can get; the region storage takes any.
      const Area& area = replay_.areas[id];
      const bool hinted =
          area.made_by >= 0 && trace_.syscalls[static_cast<std::size_t>(area.made_by)].addr() != 0;
      owner.detail = hinted ? "collection set" : "region storage";
    }
  }
}

// ZGC until 20 maps one heap at three addresses: the colours of its pointers are address bits.
void Namer::name_zgc_views() {
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

void Namer::split_archive(AreaId id, Evidence evidence) const {
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

void Namer::split_code(AreaId id) const {
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
  bool profiled_seen = starts.size() == 2;  // without tiered compilation there is no profiled code
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    std::string detail = "non-nmethods";
    if (i != smallest) {
      detail = profiled_seen ? "non-profiled" : "profiled";
      profiled_seen = true;
    }
    owners_[id].zones.push_back({borders[i], {Subsystem::CodeCache, evidence, std::move(detail)}});
  }
}

}  // namespace ft::attribution
