// report --format perfetto: brings together what the trace for the viewer is made of.
#pragma once

#include "base/result.h"
#include "event/trace.h"
#include "report/model/report.h"
#include "report/perfetto/print.h"

namespace ft::app {

Result<void> print_perfetto(event::EventSource& source, const report::model::Report& report,
                            const report::perfetto::Write& write);

}  // namespace ft::app
