// Samples against what was measured without them.
#include "analysis/reconcile_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/text.h"

namespace ft::analysis {

namespace {

using report::model::ReconcileLine;
using report::model::Report;
using report::model::Samples;

ReconcileLine line(std::string what, Nanoseconds recorded, Nanoseconds kernel,
                   Nanoseconds tolerance, std::string note) {
  return {.what = std::move(what),
          .recorded = recorded,
          .kernel = kernel,
          .agrees = std::abs(recorded - kernel) <= tolerance,
          .tolerance = tolerance,
          .unit = "ns",
          .note = std::move(note)};
}

// Both count the time the scheduler gave the threads; they begin and end at slightly different
// moments of a thread's life.
void add_clock(const Report& report, std::vector<ReconcileLine>& lines) {
  constexpr Nanoseconds kEdges = 2'000'000;
  constexpr Nanoseconds kPerHundred = 3;
  const Samples& samples = *report.samples;
  if (!samples.cpu_ns || !report.time.user_ns || !report.time.system_ns) return;
  if (report.target.attached) return;  // rusage counts from the process's start
  const Nanoseconds usage = *report.time.user_ns + *report.time.system_ns;
  lines.push_back(line("processor time by the samples' clock against getrusage", *samples.cpu_ns,
                       usage, std::max(usage / 100 * kPerHundred, kEdges),
                       "the kernel before the exec and the thread's last moments count in one"));
}

// The measured times run from the fault's tracepoint to the end of its handler, and from a call's
// entry to its return, waiting included. Samples show a little more, where the entry code and the
// recorder's own probes are around them, and nothing of the waiting.
void add_memory(const Report& report, std::vector<ReconcileLine>& lines) {
  const Samples& samples = *report.samples;
  if (!report.time.kernel_mm) return;
  Nanoseconds waits = 0;
  if (report.waits) {
    waits = report.waits->mmap_lock.total_ns + report.waits->direct_reclaim.total_ns +
            report.waits->memcg_reclaim.total_ns + report.waits->compaction.total_ns;
  }
  if (report.faults) {
    for (const report::model::FaultClass& kind : report.faults->classes) {
      if (kind.name.starts_with("major")) waits += kind.total_ns;
    }
  }
  const Nanoseconds middle = (samples.memory_ns + samples.memory_inside_ns) / 2;
  const Nanoseconds edges = (samples.memory_ns - samples.memory_inside_ns) / 2;
  // At least what three samples stand for: fewer say nothing.
  const Nanoseconds chance = std::max(samples.memory_error_ns, 3 * samples.each_ns);
  lines.push_back(
      line("time in faults and memory calls: sampled against measured", middle,
           report.time.kernel_mm->total_ns, chance + edges + waits,
           fmt::format("± {} chance, {} entry code and probes around them, {} measured "
                       "waits, which samples do not see",
                       human_duration(chance), human_duration(edges), human_duration(waits))));
}

}  // namespace

void reconcile_samples(Report& report) {
  if (!report.samples) return;
  add_clock(report, report.reconcile);
  add_memory(report, report.reconcile);
}

}  // namespace ft::analysis
