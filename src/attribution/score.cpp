#include "attribution/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/interval_map.h"

namespace ft::attribution {

namespace {

using jvm::Subsystem;

constexpr std::size_t kMaxDisagreements = 100;

bool is_gc(Subsystem subsystem) {
  return subsystem == Subsystem::GcCardTable || subsystem == Subsystem::GcBlockOffsetTable ||
         subsystem == Subsystem::GcCardCounts || subsystem == Subsystem::GcMarkBitmap ||
         subsystem == Subsystem::GcOther;
}

bool has_nmt_tag(Subsystem subsystem) {
  switch (subsystem) {
    case Subsystem::JavaHeap:
    case Subsystem::CodeCache:
    case Subsystem::ClassSpace:
    case Subsystem::Metaspace:
    case Subsystem::CdsArchive:
    case Subsystem::JavaThreadStacks:
    case Subsystem::JvmThreadStacks:
    case Subsystem::JvmInternal:
      return true;
    default:
      return is_gc(subsystem);
  }
}

bool is_heap_or_class(std::string_view tag) {
  return tag == "Java Heap" || tag == "Class";
}
bool is_stack(std::string_view tag) {
  return tag == "Thread" || tag == "Thread Stack";
}

// What -Xlog calls a region, in our words. An empty detail is any detail.
struct Expected {
  std::string_view name;
  Subsystem subsystem;
  std::string_view detail;
};

constexpr std::array kNames = {
    Expected{"Heap", Subsystem::JavaHeap, ""},
    Expected{"Card Table", Subsystem::GcCardTable, ""},
    Expected{"Block Offset Table", Subsystem::GcBlockOffsetTable, ""},
    Expected{"Card Counts Table", Subsystem::GcCardCounts, ""},
    Expected{"Prev Bitmap", Subsystem::GcMarkBitmap, "previous"},
    Expected{"Next Bitmap", Subsystem::GcMarkBitmap, "next"},
    Expected{"Mark Bitmap", Subsystem::GcMarkBitmap, ""},
    Expected{"Aux Bitmap", Subsystem::GcMarkBitmap, "auxiliary"},
    Expected{"Parallel Compact Data", Subsystem::GcOther, "parallel compact data"},
    Expected{"Region Storage", Subsystem::GcOther, "region storage"},
    Expected{"Collection Set", Subsystem::GcOther, "collection set"},
    Expected{"CodeHeap 'profiled nmethods'", Subsystem::CodeCache, "profiled"},
    Expected{"CodeHeap 'non-profiled nmethods'", Subsystem::CodeCache, "non-profiled"},
    Expected{"CodeHeap 'non-nmethods'", Subsystem::CodeCache, "non-nmethods"},
    Expected{"CodeCache", Subsystem::CodeCache, ""},
    Expected{"archive_space_rs", Subsystem::CdsArchive, ""},
    Expected{"class_space_rs", Subsystem::ClassSpace, ""},
};

class Scorer {
 public:
  explicit Scorer(std::span<const ScoredPiece> pieces) {
    for (const ScoredPiece& piece : pieces) {
      ours_.assign(piece.range, &piece);
      score_.mapped += piece.range.size();
      if (owner_of(piece).subsystem == Subsystem::Unknown) {
        score_.unknown_mapped += piece.range.size();
      }
    }
  }

  Score run(const jvm::NmtReport& nmt, std::span<const jvm::XlogRegion> names,
            std::span<const host::SmapsEntry> smaps) {
    compare_tags(nmt);
    count_what_nmt_lacks(nmt);
    for (const jvm::XlogRegion& name : names) compare_name(name);
    count_resident(smaps);
    compare_resident(nmt, smaps);
    return std::move(score_);
  }

 private:
  static const Owner& owner_of(const ScoredPiece& piece) { return *piece.owner; }

  void compare_tags(const jvm::NmtReport& nmt) {
    std::map<std::string, TagScore> tags;
    for (const jvm::NmtRegion& theirs : nmt.regions) {
      TagScore& tag = tags[theirs.tag];
      tag.tag = theirs.tag;
      tag.bytes += theirs.range.size();
      std::uint64_t covered = theirs.range.start;
      ours_.for_each_in(theirs.range, [&](AddressRange piece, const ScoredPiece* region) {
        if (piece.start > covered) disagree({covered, piece.start}, theirs.tag, "nothing mapped");
        covered = piece.end;
        const Owner& owner = owner_of(*region);
        if (stands_for_tag(owner.subsystem, theirs.tag)) {
          tag.agreed += piece.size();
        } else {
          disagree(piece, theirs.tag, name_of(owner.subsystem));
        }
      });
      if (covered < theirs.range.end) {
        disagree({covered, theirs.range.end}, theirs.tag, "nothing mapped");
      }
      if (is_stack(theirs.tag)) continue;
      for (const AddressRange committed : nmt.merged_committed(theirs)) {
        score_.nmt_committed += committed.size();
        ours_.for_each_in(committed, [&](AddressRange piece, const ScoredPiece* region) {
          if (region->committed) score_.committed_agreed += piece.size();
        });
      }
    }
    for (auto& [name, tag] : tags) score_.tags.push_back(std::move(tag));
  }

  void count_what_nmt_lacks(const jvm::NmtReport& nmt) {
    IntervalMap<char> theirs;
    for (const jvm::NmtRegion& region : nmt.regions) theirs.assign(region.range, 0);
    ours_.for_each([&](AddressRange range, const ScoredPiece* region) {
      if (!has_nmt_tag(owner_of(*region).subsystem)) return;
      std::uint64_t common = 0;
      theirs.for_each_in(range, [&](AddressRange piece, char) { common += piece.size(); });
      score_.not_in_nmt += range.size() - common;
    });
  }

  void compare_name(const jvm::XlogRegion& theirs) {
    const auto expected = std::ranges::find(kNames, theirs.name, &Expected::name);
    if (expected == kNames.end()) return;
    NameScore name{theirs.name, theirs.range, 0, {}};
    ours_.for_each_in(theirs.range, [&](AddressRange piece, const ScoredPiece* region) {
      const Owner& owner = owner_of(*region);
      const bool detail_agrees =
          expected->detail.empty() || owner.detail.starts_with(expected->detail);
      if (name.ours.empty())
        name.ours = fmt::format("{} / {}", name_of(owner.subsystem), owner.detail);
      if (owner.subsystem == expected->subsystem && detail_agrees) name.agreed += piece.size();
    });
    score_.names.push_back(std::move(name));
  }

  // The resident bytes of a mapping that is partly unknown may all lie in the unknown part.
  void count_resident(std::span<const host::SmapsEntry> smaps) {
    for (const host::SmapsEntry& entry : smaps) {
      if (entry.vma.name == "[vsyscall]") continue;
      const std::uint64_t resident = entry.counters.resident();
      score_.resident += resident;
      std::uint64_t known = 0;
      ours_.for_each_in(entry.vma.range, [&](AddressRange piece, const ScoredPiece* region) {
        if (owner_of(*region).subsystem != Subsystem::Unknown) known += piece.size();
      });
      score_.unknown_resident += std::min(resident, entry.vma.range.size() - known);
    }
  }

  void compare_resident(const jvm::NmtReport& nmt, std::span<const host::SmapsEntry> smaps) {
    IntervalMap<const jvm::NmtRegion*> theirs;
    for (const jvm::NmtRegion& region : nmt.regions) theirs.assign(region.range, &region);
    for (const host::SmapsEntry& entry : smaps) {
      const auto resident = static_cast<double>(entry.counters.resident());
      if (resident == 0) continue;
      const double per_byte = resident / static_cast<double>(entry.vma.range.size());
      theirs.for_each_in(entry.vma.range, [&](AddressRange part, const jvm::NmtRegion* region) {
        score_.nmt_resident += per_byte * static_cast<double>(part.size());
        ours_.for_each_in(part, [&](AddressRange piece, const ScoredPiece* ours) {
          if (!stands_for_tag(owner_of(*ours).subsystem, region->tag)) return;
          score_.resident_agreed += per_byte * static_cast<double>(piece.size());
        });
      });
    }
  }

  void disagree(AddressRange range, std::string_view tag, std::string_view ours) {
    if (score_.disagreements.size() >= kMaxDisagreements) return;
    score_.disagreements.push_back(
        fmt::format("[{:#x}, {:#x}) {}: ours {}", range.start, range.end, tag, ours));
  }

  IntervalMap<const ScoredPiece*> ours_;
  Score score_;
};

double ratio(std::uint64_t part, std::uint64_t whole, double if_none) {
  return whole == 0 ? if_none : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

bool stands_for_tag(Subsystem subsystem, std::string_view tag) {
  if (tag == "Java Heap") return subsystem == Subsystem::JavaHeap;
  if (tag == "Class") return subsystem == Subsystem::ClassSpace;
  if (tag == "Metaspace") return subsystem == Subsystem::Metaspace;
  if (tag == "Shared class space") return subsystem == Subsystem::CdsArchive;
  if (tag == "GC") return is_gc(subsystem);
  if (tag == "Code") return subsystem == Subsystem::CodeCache;
  if (is_stack(tag)) {
    return subsystem == Subsystem::JavaThreadStacks || subsystem == Subsystem::JvmThreadStacks;
  }
  if (tag == "Internal" || tag == "Safepoint") return subsystem == Subsystem::JvmInternal;
  return false;
}

double Score::agreement() const {
  std::uint64_t bytes = 0;
  std::uint64_t agreed = 0;
  for (const TagScore& tag : tags) bytes += tag.bytes, agreed += tag.agreed;
  return ratio(agreed, bytes, 1);
}

double Score::agreement_outside_heap() const {
  std::uint64_t bytes = 0;
  std::uint64_t agreed = 0;
  for (const TagScore& tag : tags) {
    if (is_heap_or_class(tag.tag)) continue;
    bytes += tag.bytes;
    agreed += tag.agreed;
  }
  return ratio(agreed, bytes, 1);
}

double Score::macro_average() const {
  double sum = 0;
  for (const TagScore& tag : tags) sum += tag.share();
  return tags.empty() ? 1 : sum / static_cast<double>(tags.size());
}

double Score::names_right() const {
  return ratio(static_cast<std::uint64_t>(std::ranges::count_if(names, &NameScore::right)),
               names.size(), 1);
}

double Score::unknown_mapped_share() const {
  return ratio(unknown_mapped, mapped, 0);
}
double Score::unknown_resident_share() const {
  return ratio(unknown_resident, resident, 0);
}

Score score(const OwnerHistory& history, event::Pid pid, Nanoseconds ts, const jvm::NmtReport& nmt,
            std::span<const jvm::XlogRegion> names, std::span<const host::SmapsEntry> smaps) {
  std::vector<ScoredPiece> pieces;
  for (const Region* region : history.regions_at(pid, ts)) {
    pieces.push_back({region->range, &history.owners()[region->owner], region->committed});
  }
  return score(pieces, nmt, names, smaps);
}

Score score(std::span<const ScoredPiece> pieces, const jvm::NmtReport& nmt,
            std::span<const jvm::XlogRegion> names, std::span<const host::SmapsEntry> smaps) {
  return Scorer(pieces).run(nmt, names, smaps);
}

}  // namespace ft::attribution
