#include "analysis/analyse.h"

#include <algorithm>

#include "analysis/describe.h"
#include "analysis/passes.h"
#include "analysis/picture.h"
#include "analysis/placement.h"
#include "analysis/reconcile.h"
#include "analysis/reconcile_samples.h"
#include "analysis/recorded_findings.h"
#include "analysis/summary.h"

namespace ft::analysis {

namespace {

FindingFacts facts_of(const Passes& passes, const report::model::Report& report) {
  // With one node it is known where all is.
  if (meta_number(passes.trace, "host.nodes") == 1) {
    return recorded_facts(report, passes.subject, passes.trace);
  }
  const auto placement = placement_at_end(passes);
  const BytesByNode* heap = nullptr;
  if (placement) {
    const auto found = placement->find(jvm::Subsystem::JavaHeap);
    if (found != placement->end()) heap = &found->second;
  }
  return recorded_facts(report, passes.subject, passes.trace, heap);
}

// A peak that swapping made too low is not shown. The whole process's is the kernel's to say.
void withdraw_peaks(report::model::Report& report) {
  const auto line =
      std::ranges::find(report.reconcile, kPeakLine, &report::model::ReconcileLine::what);
  if (line == report.reconcile.end() || line->comparable) return;
  for (report::model::Subsystem& row : report.subsystems) row.resident_peak_bytes.reset();
  report.memory.resident_peak_bytes = static_cast<report::model::Bytes>(line->kernel);
  report.missing.push_back({"subsystems.resident_peak", line->note});
}

}  // namespace

Result<report::model::Report> analyse(event::EventSource& source, const AnalyseOptions& options) {
  const std::unique_ptr<Passes> passes =
      FT_TRY(Passes::run(source, options.top, options.picture ? Draw::Yes : Draw::No));
  report::model::Report report;
  report.tool_version = FT_VERSION;
  describe_target(*passes, report);
  describe_host(*passes, report);
  describe_loss(*passes, report);
  describe_time(*passes, report);
  describe_syscalls(*passes, report);
  describe_faults(*passes, report);
  describe_kernel_events(*passes, report);
  describe_page_tables(*passes, report);
  describe_subsystems(*passes, report);
  describe_longest(*passes, options.top, report);
  describe_threads(*passes, report);
  describe_samples(*passes, report);
  describe_working_sets(*passes, report);

  const TakenBack taken = taken_back(passes->trace, passes->subject);
  const ReconcileInput input{.trace = passes->trace,
                             .subject = passes->subject,
                             .regions = passes->regions,
                             .memory = passes->memory,
                             .residency = passes->residency,
                             .faults = passes->faults,
                             .taken = taken,
                             .faults_seen = passes->faults_seen,
                             .page_tables = report.page_tables.by_level,
                             .resident_peak = report.memory.resident_peak_bytes,
                             .lost = report.loss.total};
  report.reconcile = reconcile(input);
  withdraw_peaks(report);
  reconcile_samples(passes->trace, report);
  describe_counters(*passes, report);
  summarise(report, passes->trace);
  report.findings = find(facts_of(*passes, report));
  if (options.picture) *options.picture = draw(*passes, report);
  return report;
}

}  // namespace ft::analysis
