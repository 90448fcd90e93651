// Notes in a recording how much of its C heap a process really uses, for the finding
// c-library-retained.
#pragma once

#include <sys/types.h>

#include "event/sink.h"

namespace ft::app {

// Reads malloc's lists of free memory, of a process with enough memory for that to matter. What
// cannot be read is not noted.
void note_malloc_use(pid_t pid, event::EventSink& sink);

}  // namespace ft::app
