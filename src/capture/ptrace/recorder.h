// The backend for hosts where nothing but ptrace(2) is allowed: system calls with arguments,
// result, stack and file, processes, threads and snapshots. See docs/capture-ptrace.md for what it
// cannot see and what it changes for the target.
#pragma once

#include "base/result.h"
#include "capture/backend.h"
#include "event/sink.h"

namespace ft::capture::ptrace {

Result<RecordResult> record(const RecordOptions& options, event::EventSink& sink);

}  // namespace ft::capture::ptrace
