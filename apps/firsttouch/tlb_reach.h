// Puts beside a report's working sets what a machine's TLB holds and what missing it takes.
#pragma once

#include <string>

#include "base/result.h"
#include "report/model/report.h"

namespace ft::app {

// `machine`: a name or a file, as of `replay --machine`. Does nothing where the report has no
// working sets.
Result<void> add_reach(const std::string& machine, report::model::Report& report);

}  // namespace ft::app
