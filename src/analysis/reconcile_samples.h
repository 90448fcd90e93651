// Reconciliation of the samples: their clock against the kernel's account of the processor time,
// their faults and calls against the measured ones.
#pragma once

#include "event/trace.h"
#include "report/model/report.h"

namespace ft::analysis {

// Adds its lines to the report of this trace. Nothing where there are no samples.
void reconcile_samples(const event::Trace& trace, report::model::Report& report);

}  // namespace ft::analysis
