// The kernel's way through the longest calls of a report, as the model tells it, for the picture.
#pragma once

#include "event/trace.h"
#include "report/model/picture.h"
#include "report/model/report.h"

namespace ft::app {

// Fills picture.narrated, or says in picture.not_narrated why there is none.
void narrate(event::EventSource& source, const report::model::Report& report,
             report::model::Picture& picture);

}  // namespace ft::app
