#include "attribution/owner_history.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "attribution/classify.h"
#include "attribution/region_index.h"
#include "attribution/replay.h"

namespace ft::attribution {

namespace {

using jvm::Subsystem;

// Owners are few and shared by many regions: each different one gets a number.
class OwnerTable {
 public:
  OwnerTable() { id_of({}); }  // owner 0: Unknown

  OwnerId id_of(const Owner& owner) {
    const auto key = std::tuple(owner.subsystem, owner.evidence, owner.detail);
    const auto [it, added] = ids_.try_emplace(key, static_cast<OwnerId>(owners_.size()));
    if (added) owners_.push_back(owner);
    return it->second;
  }

  std::vector<Owner> take() { return std::move(owners_); }

 private:
  std::map<std::tuple<Subsystem, Evidence, std::string>, OwnerId> ids_;
  std::vector<Owner> owners_;
};

class Builder {
 public:
  Builder(const event::Trace& trace, const Replay& replay, const std::vector<AreaOwner>& areas)
      : trace_(trace), replay_(replay), areas_(areas) {
    for (const Box& box : replay.boxes) {
      if ((box.prot & 4U) != 0 && box.file != event::kNoFile) executable_.emplace(box.file, true);
    }
  }

  std::vector<Region> regions() {
    std::vector<Region> regions;
    regions.reserve(replay_.boxes.size());
    for (const Box& box : replay_.boxes) add_regions(box, regions);
    std::ranges::sort(regions, [](const Region& a, const Region& b) {
      return std::tie(a.pid, a.from_ts, a.range.start) < std::tie(b.pid, b.from_ts, b.range.start);
    });
    return regions;
  }

  std::vector<OwnerId> owners_of_calls() {
    std::vector<OwnerId> owners(replay_.targets.size(), 0);
    for (std::size_t i = 0; i < owners.size(); ++i) {
      const CallTarget& target = replay_.targets[i];
      if (target.area == kNoArea && target.file != event::kNoFile) {
        owners[i] = owner_of_file_call(target.file);
      } else if (target.area != kNoArea) {
        const bool made_it = replay_.areas[target.area].made_by == static_cast<std::int32_t>(i);
        owners[i] = table_.id_of(owner_of(target.area, target.address, target.file, target.guard,
                                          made_it ? Inherits::No : Inherits::Yes));
      }
    }
    return owners;
  }

  std::vector<Owner> owners() { return table_.take(); }

 private:
  enum class Inherits : std::uint8_t { No, Yes };

  // A box is cut where its area changes hands (archive | class space, code segments).
  void add_regions(const Box& box, std::vector<Region>& regions) {
    std::uint64_t start = box.range.start;
    for (const Zone& zone : areas_[box.area].zones) {
      if (zone.start <= start) continue;
      if (zone.start >= box.range.end) break;
      regions.push_back(region(box, {start, zone.start}));
      start = zone.start;
    }
    regions.push_back(region(box, {start, box.range.end}));
  }

  Region region(const Box& box, AddressRange range) {
    const Area& area = replay_.areas[box.area];
    const bool same_call = area.made_by == box.made_by;
    const OwnerId owner = table_.id_of(owner_of(box.area, range.start, box.file, box.guard,
                                                same_call ? Inherits::No : Inherits::Yes));
    return {box.pid,   range,         box.from_ts, box.to_ts, box.prot,
            box.flags, box.committed, owner,       box.file,  box.made_by};
  }

  Owner owner_of(AreaId id, std::uint64_t address, event::FileId file, bool guard,
                 Inherits inherits) const {
    const AreaOwner& area = areas_[id];
    Owner owner = area.owner;
    for (const Zone& zone : area.zones) {
      if (zone.start > address) break;
      owner = zone.owner;
    }
    const bool foreign_file = file != event::kNoFile && file != replay_.areas[id].file;
    if (foreign_file && owner.subsystem == Subsystem::JavaHeap && is_cds_file(file)) {
      return {Subsystem::JavaHeap, Evidence::File, "CDS objects"};
    }
    if (foreign_file && !area.owns_files) return by_path(file);
    if (guard) owner.detail = owner.detail.empty() ? "guard" : owner.detail + ", guard";
    if (inherits == Inherits::Yes &&
        (owner.evidence == Evidence::Stack || owner.evidence == Evidence::Size)) {
      owner.evidence = owner.subsystem == Subsystem::Unknown ? owner.evidence : Evidence::Inherited;
    }
    return owner;
  }

  // ftruncate and fallocate size a file: what is mapped of it says whose.
  OwnerId owner_of_file_call(event::FileId file) {
    if (owner_by_file_.empty()) {
      for (const Box& box : replay_.boxes) {
        if (box.file == event::kNoFile) continue;
        owner_by_file_.try_emplace(
            box.file,
            table_.id_of(owner_of(box.area, box.range.start, box.file, false, Inherits::Yes)));
      }
    }
    const auto it = owner_by_file_.find(file);
    return it != owner_by_file_.end() ? it->second : table_.id_of(by_path(file));
  }

  Owner by_path(event::FileId file) const {
    return owner_of_file(path_of(file), executable_.contains(file));
  }

  bool is_cds_file(event::FileId file) const {
    const std::string_view path = path_of(file);
    return path.ends_with(".jsa") || path.ends_with(".aot");
  }

  std::string_view path_of(event::FileId file) const {
    const auto index = static_cast<std::size_t>(file);
    return file >= 0 && index < trace_.files.size() ? std::string_view(trace_.files[index].path)
                                                    : std::string_view();
  }

  const event::Trace& trace_;
  const Replay& replay_;
  const std::vector<AreaOwner>& areas_;
  OwnerTable table_;
  std::unordered_map<event::FileId, bool> executable_;
  std::unordered_map<event::FileId, OwnerId> owner_by_file_;
};

}  // namespace

std::string_view name_of(Evidence evidence) {
  switch (evidence) {
    case Evidence::None:
      return "none";
    case Evidence::Stack:
      return "stack";
    case Evidence::Inherited:
      return "inherited";
    case Evidence::File:
      return "file";
    case Evidence::ArenaShape:
      return "arena shape";
    case Evidence::ThreadStack:
      return "thread stack";
    case Evidence::ProcName:
      return "proc name";
    case Evidence::Size:
      return "size";
    case Evidence::Probe:
      return "probe";
    case Evidence::JvmData:
      return "JVM data";
    case Evidence::LibcData:
      return "C library data";
    case Evidence::Elimination:
      return "elimination";
    case Evidence::Nmt:
      return "nmt";
    case Evidence::SystemMap:
      return "System.map";
  }
  return "none";
}

struct OwnerHistory::State {
  std::vector<Owner> owners;
  std::vector<Region> regions;
  std::vector<OwnerId> owner_of_call;
  std::vector<std::string> contradictions;
  std::vector<event::Pid> pids;  // ascending; indexes[i] is that of pids[i]
  std::vector<RegionIndex> indexes;
  std::vector<OwnerId> owner_of_region;  // what millions of lookups want, close together

  void index_regions() {
    for (const Region& region : regions) owner_of_region.push_back(region.owner);
    for (std::size_t begin = 0; begin < regions.size();) {
      std::size_t end = begin;
      while (end < regions.size() && regions[end].pid == regions[begin].pid) ++end;
      std::vector<RegionIndex::Entry> entries;
      entries.reserve(end - begin);
      for (std::size_t i = begin; i < end; ++i) {
        entries.push_back({regions[i].range, regions[i].from_ts, regions[i].to_ts,
                           static_cast<std::uint32_t>(i)});
      }
      pids.push_back(regions[begin].pid);
      indexes.emplace_back(entries);
      begin = end;
    }
  }

  std::uint32_t find(event::Pid pid, std::uint64_t address, Nanoseconds ts) const {
    const auto it = std::ranges::lower_bound(pids, pid);
    if (it == pids.end() || *it != pid) return RegionIndex::kNone;
    return indexes[static_cast<std::size_t>(it - pids.begin())].find(address, ts);
  }
};

OwnerHistory::OwnerHistory() : state_(std::make_unique<State>()) {}
OwnerHistory::OwnerHistory(OwnerHistory&&) noexcept = default;
OwnerHistory& OwnerHistory::operator=(OwnerHistory&&) noexcept = default;
OwnerHistory::~OwnerHistory() = default;

OwnerHistory OwnerHistory::build(const event::Trace& trace) {
  CallFacts facts(trace);
  Replay replayed = replay(trace, facts);
  const std::vector<AreaOwner> areas = classify(trace, replayed, facts);
  Builder builder(trace, replayed, areas);

  OwnerHistory history;
  history.state_->regions = builder.regions();
  history.state_->owner_of_call = builder.owners_of_calls();
  history.state_->owners = builder.owners();
  history.state_->contradictions = std::move(replayed.contradictions);
  history.state_->index_regions();
  return history;
}

std::span<const Owner> OwnerHistory::owners() const {
  return state_->owners;
}
std::span<const Region> OwnerHistory::regions() const {
  return state_->regions;
}

const Region* OwnerHistory::region_at(event::Pid pid, std::uint64_t address, Nanoseconds ts) const {
  const std::uint32_t found = state_->find(pid, address, ts);
  return found == RegionIndex::kNone ? nullptr : &state_->regions[found];
}

OwnerId OwnerHistory::owner_at(event::Pid pid, std::uint64_t address, Nanoseconds ts) const {
  const std::uint32_t found = state_->find(pid, address, ts);
  return found == RegionIndex::kNone ? 0 : state_->owner_of_region[found];
}

std::vector<const Region*> OwnerHistory::regions_at(event::Pid pid, Nanoseconds ts) const {
  std::vector<const Region*> alive;
  const auto of_pid = std::ranges::equal_range(state_->regions, pid, {}, &Region::pid);
  for (const Region& region : of_pid) {
    if (region.from_ts > ts) break;
    if (region.to_ts == event::kStillThere || region.to_ts > ts) alive.push_back(&region);
  }
  std::ranges::sort(alive, {}, [](const Region* region) { return region->range.start; });
  return alive;
}

OwnerId OwnerHistory::owner_of_syscall(std::size_t index) const {
  return index < state_->owner_of_call.size() ? state_->owner_of_call[index] : 0;
}

std::span<const std::string> OwnerHistory::contradictions() const {
  return state_->contradictions;
}

}  // namespace ft::attribution
