// Samples against what was measured without them.
#include "analysis/reconcile_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "analysis/subject.h"
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
// moments of a thread's life. Since Linux 6.16 perf lets go of a thread before its address space is
// torn down (kernel/exit.c, do_exit()), which only getrusage counts then.
//
// At a context switch the kernel stops the old task's account first and perf's clock for it later;
// what lies between is counted twice or not at all. That is little, but a real-time kernel switches
// wherever a lock is held: there the difference is stated, not judged.
void add_clock(const event::Trace& trace, const Report& report, std::vector<ReconcileLine>& lines) {
  constexpr Nanoseconds kEdges = 5'000'000;
  constexpr Nanoseconds kPerHundred = 3;
  constexpr Nanoseconds kFreeingAPage = 1000;  // half of it was seen
  const Samples& samples = *report.samples;
  if (!samples.cpu_ns || !report.time.user_ns || !report.time.system_ns) return;
  if (report.target.attached) return;  // rusage counts from the process's start
  const Nanoseconds usage = *report.time.user_ns + *report.time.system_ns;
  const auto pages =
      static_cast<Nanoseconds>(report.memory.resident_end_bytes.value_or(0) / kPageSize);
  const Nanoseconds freeing = pages * kFreeingAPage;
  lines.push_back(
      line("processor time by the samples' clock against getrusage", *samples.cpu_ns, usage,
           std::max(usage / 100 * kPerHundred, kEdges) + freeing,
           fmt::format("getrusage counts what exec and exit do as well, such as freeing "
                       "memory at the end (at most {})",
                       human_duration(freeing))));
  const bool real_time = trace.meta_or("host.kernel_version").contains("PREEMPT_RT");
  ReconcileLine& clock = lines.back();
  constexpr Nanoseconds kShareOfSwitches = 10;  // 4.5 % was seen, in an emulated machine
  const Nanoseconds beyond = *samples.cpu_ns - usage;
  if (clock.agrees || !real_time || beyond < 0 || beyond > usage / kShareOfSwitches) return;
  const auto switches = meta_number(trace, "target.switches");
  clock.comparable = false;
  clock.note = fmt::format(
      "cannot be compared: a real-time kernel switches tasks often ({}), and perf's clock runs on "
      "into each switch",
      switches
          ? grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(*switches, 0))) + " times"
          : std::string("not counted"));
}

// No small page or call takes as long as this but waiting: for the processor, if for nothing else.
// What is beyond it may have been waited (a 2 MiB page really takes it).
Nanoseconds beyond_the_usual(const Report& report) {
  constexpr Nanoseconds kUsual = 131'072;  // a boundary of the distribution's octaves
  Nanoseconds beyond = 0;
  if (report.faults) {
    for (const report::model::LatencyBucket& bucket : report.faults->distribution) {
      if (bucket.from_ns < kUsual) continue;
      beyond += bucket.total_ns - static_cast<Nanoseconds>(bucket.count) * kUsual;
    }
  }
  for (const report::model::Call& call : report.calls) {
    beyond += std::max<Nanoseconds>(call.dur_ns.value_or(0) - kUsual, 0);
  }
  return beyond;
}

Nanoseconds known_waits(const Report& report) {
  if (!report.waits) return 0;
  return report.waits->mmap_lock.total_ns + report.waits->direct_reclaim.total_ns +
         report.waits->memcg_reclaim.total_ns + report.waits->compaction.total_ns;
}

// The measured times run from the fault's tracepoint to the end of its handler, and from a call's
// entry to its return, waiting included. Samples show a little more, where the entry code and the
// recorder's own probes are around them, and nothing of the waiting.
void add_memory(const Report& report, std::vector<ReconcileLine>& lines) {
  constexpr double kDeviationsInError = 1.96;
  constexpr double kDeviationsAllowed = 3;  // 1.96 would fail one sound recording in twenty
  const Samples& samples = *report.samples;
  if (!report.time.kernel_mm) return;
  const Nanoseconds waits = known_waits(report) + beyond_the_usual(report);
  const Nanoseconds middle = (samples.memory_ns + samples.memory_inside_ns) / 2;
  const Nanoseconds edges = (samples.memory_ns - samples.memory_inside_ns) / 2;
  const double deviation = static_cast<double>(samples.memory_error_ns) / kDeviationsInError;
  // Fewer than three samples say nothing.
  const Nanoseconds chance =
      std::max(static_cast<Nanoseconds>(kDeviationsAllowed * deviation), 3 * samples.each_ns);
  const std::string note = fmt::format(
      "± {} chance, {} entry code and probes around them, {} waits, known or likely by their "
      "length, which samples do not see",
      human_duration(chance), human_duration(edges), human_duration(waits));
  lines.push_back(line("time in faults and memory calls: sampled against measured", middle,
                       report.time.kernel_mm->total_ns, chance + edges + waits, note));
}

}  // namespace

void reconcile_samples(const event::Trace& trace, Report& report) {
  if (!report.samples) return;
  add_clock(trace, report, report.reconcile);
  add_memory(report, report.reconcile);
}

}  // namespace ft::analysis
