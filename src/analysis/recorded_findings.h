// Findings on a recorded start: the facts that its report and its snapshots hold.
#pragma once

#include <vector>

#include "analysis/findings/findings.h"
#include "analysis/placement.h"
#include "analysis/subject.h"
#include "event/trace.h"
#include "report/model/report.h"

namespace ft::analysis {

// Of the subject at its end. `heap_by_node`: where its heap lies, where that was looked up.
// REQUIRES: the report's subsystems and memory are described.
FindingFacts recorded_facts(const report::model::Report& report, const Subject& subject,
                            const event::Trace& trace, const BytesByNode* heap_by_node = nullptr);

}  // namespace ft::analysis
