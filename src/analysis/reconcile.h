// Reconciliation: every figure that two independent sources know, side by side.
#pragma once

#include <string_view>
#include <vector>

#include "analysis/fault_pass.h"
#include "analysis/memory_at_end.h"
#include "analysis/residency.h"
#include "analysis/subject.h"
#include "analysis/taken_back.h"
#include "report/model/report.h"

namespace ft::analysis {

struct ReconcileInput {
  const event::Trace& trace;
  const Subject& subject;
  const std::vector<attribution::Region>& regions;
  const MemoryAtEnd& memory;
  const Residency& residency;
  const FaultTotals& faults;
  const TakenBack& taken;
  FaultsSeen faults_seen;
  report::model::Known<report::model::PageTableLevels> page_tables;  // predicted
  report::model::Known<std::uint64_t> resident_peak;
  std::uint64_t lost = 0;
};

inline constexpr std::string_view kPeakLine = "peak of resident bytes against VmHWM";

std::vector<report::model::ReconcileLine> reconcile(const ReconcileInput& input);

}  // namespace ft::analysis
