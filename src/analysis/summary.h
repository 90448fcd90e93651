// The judgement of the first screen: what cost most, what only looks frightening, what the reader
// must know before believing anything else.
#pragma once

#include "event/trace.h"
#include "report/model/report.h"

namespace ft::analysis {

// Fills report.summary from the rest of the report; the trace gives the calls it names.
void summarise(report::model::Report& report, const event::Trace& trace);

}  // namespace ft::analysis
