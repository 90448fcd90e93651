// Working sets and counters in the JSON report.
#pragma once

#include "report/json/values.h"

namespace ft::report::json {

// "working_sets": null where none were recorded; `missing` says why.
Json working_sets_of(const model::Report& report);
// "counters": what was counted in each phase; where nothing was, {"reason", "events": null,
// "phases": null}.
Json counters_of(const model::Report& report);

}  // namespace ft::report::json
