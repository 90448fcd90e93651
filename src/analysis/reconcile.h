// Reconciliation: every figure that two independent sources know, side by side.
#pragma once

#include <vector>

#include "analysis/fault_pass.h"
#include "analysis/memory_at_end.h"
#include "analysis/residency.h"
#include "analysis/subject.h"
#include "report/model/report.h"

namespace ft::analysis {

struct ReconcileInput {
  const event::Trace& trace;
  const Subject& subject;
  const std::vector<attribution::Region>& regions;
  const MemoryAtEnd& memory;
  const Residency& residency;
  const FaultTotals& faults;
  FaultsSeen faults_seen;
  report::model::Known<report::model::PageTableLevels> page_tables;  // predicted
  report::model::Known<std::uint64_t> resident_peak;
  std::uint64_t lost = 0;
};

std::vector<report::model::ReconcileLine> reconcile(const ReconcileInput& input);

}  // namespace ft::analysis
