// The picture of a recording, from what the passes gathered.
#pragma once

#include "analysis/passes.h"
#include "report/model/picture.h"
#include "report/model/report.h"

namespace ft::analysis {

// REQUIRES: the passes were run with Draw::Yes. `report` is the same recording's, and complete.
report::model::Picture draw(Passes& passes, const report::model::Report& report);

}  // namespace ft::analysis
