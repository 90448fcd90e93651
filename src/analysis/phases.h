// Where a moment lies among a trace's phases.
#pragma once

#include "event/event.h"

namespace ft::analysis {

inline bool in_phase(const event::Phase& phase, Nanoseconds ts) {
  return ts >= phase.start_ts && (phase.end_ts == event::kStillThere || ts < phase.end_ts);
}

}  // namespace ft::analysis
