// What a command changed on its host: the figures before it ran beside those after it.
#pragma once

#include <vector>

#include "analysis/watch/watch.h"
#include "report/model/watch.h"

namespace ft::analysis {

// Every figure that is known both times, in the order in which people read them: the host's
// memory, its control group, free blocks, then event counters.
std::vector<report::model::BeforeAfterRow> compare(const WatchLook& before, const WatchLook& after);

}  // namespace ft::analysis
