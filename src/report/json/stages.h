// The samples' part of the JSON report.
#pragma once

#include "report/json/values.h"

namespace ft::report::json {

// "stages": where the kernel time went. null without samples.
Json stages_of(const model::Report& report);
// "samples": how they were taken, and the stages of each subsystem, phase and long call.
Json samples_of(const model::Report& report);

}  // namespace ft::report::json
