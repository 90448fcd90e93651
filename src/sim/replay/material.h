// A trace with everything large of it in memory, in order: what the replay reads.
#pragma once

#include <vector>

#include "base/result.h"
#include "event/trace.h"

namespace ft::sim::replay {

struct Material {
  event::Trace trace;
  std::vector<event::Fault> faults;      // by ts
  std::vector<event::TlbFlush> flushes;  // by ts

  static Result<Material> load(event::EventSource& source);
};

}  // namespace ft::sim::replay
