// The sections of the report, each filled from what the passes gathered.
#pragma once

#include "analysis/passes.h"
#include "report/model/report.h"

namespace ft::analysis {

void describe_target(const Passes& passes, report::model::Report& report);
void describe_host(const Passes& passes, report::model::Report& report);
void describe_loss(const Passes& passes, report::model::Report& report);
void describe_time(const Passes& passes, report::model::Report& report);
void describe_syscalls(const Passes& passes, report::model::Report& report);
void describe_faults(const Passes& passes, report::model::Report& report);
void describe_kernel_events(const Passes& passes, report::model::Report& report);
void describe_page_tables(const Passes& passes, report::model::Report& report);
void describe_samples(const Passes& passes, report::model::Report& report);
void describe_working_sets(const Passes& passes, report::model::Report& report);
// After reconcile(): adds to its lines.
void describe_counters(const Passes& passes, report::model::Report& report);
void describe_longest(const Passes& passes, std::size_t top, report::model::Report& report);
void describe_threads(const Passes& passes, report::model::Report& report);
void describe_subsystems(const Passes& passes, report::model::Report& report);

}  // namespace ft::analysis
