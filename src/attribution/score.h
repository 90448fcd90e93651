// How well an OwnerHistory agrees with the JVM's own account of the same process at the same
// moment. Ranges of bytes are intersected, never whole mappings, and the heap is kept apart: it and
// the class space are most of the bytes, and the easiest.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attribution/owner_history.h"
#include "host/smaps.h"
#include "jvm/nmt.h"
#include "jvm/xlog.h"

namespace ft::attribution {

struct TagScore {
  std::string tag;           // NMT's
  std::uint64_t bytes = 0;   // reserved, by NMT's virtual memory map
  std::uint64_t agreed = 0;  // of these, ours to a subsystem that stands for the tag

  double share() const { return bytes == 0 ? 1.0 : double(agreed) / double(bytes); }
};

struct NameScore {
  std::string name;  // as -Xlog prints it
  AddressRange range;
  std::uint64_t agreed = 0;
  std::string ours;  // what we call its first byte

  bool right() const { return agreed == range.size(); }
};

struct Score {
  std::vector<TagScore> tags;  // by tag
  std::vector<NameScore> names;
  std::vector<std::string> disagreements;  // "[0x.., 0x..) GC: ours Metaspace"; the first hundred

  // Committed bytes by NMT, thread stacks left out (NMT counts their resident pages instead), and
  // those that are committed by ours too.
  std::uint64_t nmt_committed = 0;
  std::uint64_t committed_agreed = 0;

  // Ours to a subsystem NMT has a tag for, but not in NMT's map: guard pages of glibc, and errors.
  std::uint64_t not_in_nmt = 0;

  std::uint64_t mapped = 0;  // everything mapped, by ours
  std::uint64_t unknown_mapped = 0;
  std::uint64_t resident = 0;          // everything resident, by smaps
  std::uint64_t unknown_resident = 0;  // at most: a mapping of two owners counts against us

  // Of the resident bytes of smaps, those in NMT's map, and of these those that agree. Where one
  // mapping holds several owners its resident bytes are shared out by size.
  double nmt_resident = 0;
  double resident_agreed = 0;

  double agreement() const;  // over all tags
  double resident_agreement() const {
    return nmt_resident == 0 ? 1 : resident_agreed / nmt_resident;
  }
  double agreement_outside_heap() const;  // without Java Heap and Class
  double macro_average() const;           // mean over tags
  double names_right() const;
  double unknown_mapped_share() const;
  double unknown_resident_share() const;
};

// The state of `pid` at `ts` against what NMT, -Xlog and smaps said then; the last two may be
// empty.
// A stretch of a process's address space and its owner, wherever that was found out.
struct ScoredPiece {
  AddressRange range;
  const Owner* owner = nullptr;
  bool committed = false;
};

// `pieces` do not overlap.
Score score(std::span<const ScoredPiece> pieces, const jvm::NmtReport& nmt,
            std::span<const jvm::XlogRegion> names, std::span<const host::SmapsEntry> smaps);

Score score(const OwnerHistory& history, event::Pid pid, Nanoseconds ts, const jvm::NmtReport& nmt,
            std::span<const jvm::XlogRegion> names = {},
            std::span<const host::SmapsEntry> smaps = {});

// Whether the subsystem is what NMT means by the tag ("GC", "Thread Stack").
bool stands_for_tag(jvm::Subsystem subsystem, std::string_view tag);

}  // namespace ft::attribution
