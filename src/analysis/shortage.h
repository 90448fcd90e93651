// Shortage of memory while the target ran: whom the OOM killer picked, and how long tasks waited.
#pragma once

#include <vector>

#include "event/trace.h"
#include "report/model/report.h"

namespace ft::analysis {

// In order of time. What was short is taken from the reclaim that ended last before the kill: the
// kernel tries that first, in the same thread.
std::vector<report::model::OomKill> oom_victims(const event::Trace& trace);

// Between the host's snapshots "start" and "end"; empty where one is missing or not readable.
report::model::Known<report::model::MemoryStalls> memory_pressure(const event::Trace& trace);

}  // namespace ft::analysis
