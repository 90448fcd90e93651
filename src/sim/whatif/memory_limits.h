// Whether a start fits into less memory than it had: the limit of a memory cgroup, a smaller
// machine, swap. The model's reclaim (src/sim/reclaim) decides as the kernel does; a recording
// knows only the first touch of each page, so what would have been read back is not known and not
// told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "jvm/subsystem.h"
#include "sim/reclaim/groups.h"
#include "sim/reclaim/reclaimer.h"
#include "sim/replay/replay.h"
#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/parts.h"

namespace ft::sim::whatif {

// What a user wants of memory; bytes. Empty: as recorded.
struct LimitWishes {
  std::optional<std::uint64_t> machine;  // --set memory
  std::optional<std::uint64_t> group;    // --set cgroup.limit
  std::optional<std::uint64_t> swap;
  std::optional<double> swap_compression;  // zram: how many times smaller pages get
  std::optional<unsigned> swappiness;

  bool any() const { return machine || group || swap || swap_compression || swappiness; }
};

// The same with what was recorded filled in.
struct LimitPlan {
  std::optional<std::uint64_t> machine_bytes;
  std::uint64_t others_bytes = 0;  // of the machine, that others have and never give back
  std::uint64_t cpus = 1;
  std::optional<std::uint64_t> group_bytes;
  reclaim::CgroupVersion version = reclaim::CgroupVersion::Two;
  std::uint64_t swap_bytes = 0;
  std::optional<double> swap_compression;
  unsigned swappiness = reclaim::kUsualSwappiness;
  reclaim::ReclaimRules rules;
};

// `changed`: the trace under the scenario; its settings count. Errors: a machine that is too small
// for what others had on the recorded one, or of no size that the model takes.
Result<LimitPlan> limit_plan(const LimitWishes& wishes, const event::Trace& changed, Notes& notes);

enum class Verdict : std::uint8_t {
  Fits,      // nothing had to be reclaimed
  Reclaims,  // by swapping, or by dropping pages of files
  Killed,    // the OOM killer ended the process that the recording is about
};
std::string_view name_of(Verdict verdict);  // "fits", "reclaims", "killed"

// What a part of the JVM had when the process ended, or was killed.
struct LimitPart {
  jvm::Subsystem part{};
  std::uint64_t resident_bytes = 0;  // anonymous and shared memory
  std::uint64_t swapped_bytes = 0;
};

struct Killed {
  std::int32_t pid = 0;
  std::string name;
  Nanoseconds ts = 0;                // of the step that asked for too much
  std::uint64_t resident_bytes = 0;  // as the killer counts, pages of files too
  std::int64_t points = 0;           // badness, in pages
  bool for_group = false;            // a group's limit; otherwise the machine was out of memory
};

struct LimitFigures {
  LimitPlan plan;
  Verdict verdict = Verdict::Fits;
  // Pages and page tables rest on more than the recording: Prediction::estimated.
  bool pages_estimated = false;
  // The most that had to be in memory at once without swap: the least limit that the start fits
  // into. Of it by kind, at that moment.
  std::uint64_t needed_bytes = 0;
  std::uint64_t needed_anonymous_bytes = 0;  // and shared memory: a heap of ZGC
  std::uint64_t needed_table_bytes = 0;
  std::uint64_t needed_kernel_bytes = 0;  // stacks and objects of the kernel: estimated
  std::uint64_t peak_bytes = 0;           // charged to the group, with what CPUs hold ahead
  std::uint64_t swapped_bytes = 0;        // ever written
  std::uint64_t dropped_bytes = 0;        // clean pages of files
  std::uint64_t compressed_bytes = 0;     // what zram took, at its most
  std::uint64_t huge_refused = 0;         // huge pages that the limit had no room for
  std::uint64_t kswapd_wakeups = 0;
  std::uint64_t direct_reclaims = 0;
  std::uint64_t limit_reclaims = 0;  // for the group's limit
  std::vector<Killed> killed;        // in order
  std::vector<LimitPart> parts;      // by resident and swapped bytes, largest first
  Notes notes;
};

LimitFigures measure_limits(const replay::Material& material, const Parts& parts,
                            const LimitPlan& plan);

}  // namespace ft::sim::whatif
