#include "analysis/analyse.h"

#include "analysis/describe.h"
#include "analysis/passes.h"
#include "analysis/reconcile.h"
#include "analysis/summary.h"

namespace ft::analysis {

Result<report::model::Report> analyse(event::EventSource& source, const AnalyseOptions& options) {
  const std::unique_ptr<Passes> passes = FT_TRY(Passes::run(source, options.top));
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

  ReconcileInput input{passes->trace,       passes->subject,   passes->regions,
                       passes->memory,      passes->residency, passes->faults,
                       passes->faults_seen, std::nullopt,      report.loss.total};
  if (report.page_allocs) {
    input.page_tables_allocated = passes->allocs.page_tables_of(passes->subject.pid);
  }
  report.reconcile = reconcile(input);
  summarise(report, passes->trace);
  return report;
}

}  // namespace ft::analysis
