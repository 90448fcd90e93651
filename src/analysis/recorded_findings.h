// Findings on a recorded start: the facts that its report and its snapshots hold.
#pragma once

#include <vector>

#include "analysis/findings/findings.h"
#include "analysis/subject.h"
#include "event/trace.h"
#include "report/model/report.h"

namespace ft::analysis {

// Of the subject at its end. REQUIRES: the report's subsystems and memory are described.
FindingFacts recorded_facts(const report::model::Report& report, const Subject& subject,
                            const event::Trace& trace);

}  // namespace ft::analysis
