// The sampled stacks as flame-graph tools read them: a line a stack, outermost function first,
// frames between semicolons, then a blank and how many samples had it. Functions of the kernel end
// in "_[k]", as perf's own scripts mark them.
#pragma once

#include <string>

#include "base/result.h"
#include "report/model/report.h"

namespace ft::report::folded {

// Fails where the recording has no samples.
Result<std::string> render(const model::Report& report);

}  // namespace ft::report::folded
