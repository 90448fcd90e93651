// What the kernel took from the subject behind its back. No fault and no call tells of it, so that
// what faults add up to is more than what there is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "analysis/subject.h"
#include "event/trace.h"
#include "host/number_table.h"

namespace ft::analysis {

// Counters of the whole host between its snapshots "start" and "end", and the subject's own.
struct TakenBack {
  std::uint64_t in_swap = 0;      // bytes of the subject at its end
  std::uint64_t swapped_out = 0;  // pages
  std::uint64_t swapped_in = 0;
  // Huge pages split, where the kernel then gives back those of their pages that hold only zeros:
  // Linux 6.12 (mm/huge_memory.c, RMP_USE_SHARED_ZEROPAGE).
  std::uint64_t split_to_zero_pages = 0;

  // The OOM killer picked the subject: from then on its reaper takes anonymous memory of it away,
  // before the subject itself has ended (mm/oom_kill.c oom_reap_task_mm).
  bool reaped = false;

  bool swapping() const { return in_swap + swapped_out + swapped_in > 0; }
  // "5.7 MiB of it were in swap at the end; …": only what there was.
  std::string words() const;
};

TakenBack taken_back(const event::Trace& trace, const Subject& subject);

// How much each counter of vmstat grew over the recording. Empty where a snapshot is missing.
std::optional<host::NumberTable> vmstat_change(const event::Trace& trace);

}  // namespace ft::analysis
