// analyse() turns a trace into the report: one pass over each stream of events, bounded memory,
// every sum checked against its parts (report::model::check).
#pragma once

#include <cstddef>

#include "event/trace.h"
#include "report/model/picture.h"
#include "report/model/report.h"

namespace ft::analysis {

struct AnalyseOptions {
  std::size_t top = 10;                       // how many of the longest calls and faults to keep
  report::model::Picture* picture = nullptr;  // filled as well, where there is one
};

// Fails where the source cannot be read.
Result<report::model::Report> analyse(event::EventSource& source,
                                      const AnalyseOptions& options = {});

}  // namespace ft::analysis
