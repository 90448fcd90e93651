// The BPF backend: starts the target (or attaches to it), follows it with the probes and tells the
// sink everything, until the target ends or the recording is asked to stop.
#pragma once

#include <vector>

#include "base/result.h"
#include "capture/backend.h"
#include "capture/bpf/message_decoder.h"
#include "event/sink.h"

namespace ft::capture::bpf {

Result<RecordResult> record(const RecordOptions& options, event::EventSink& sink);

}  // namespace ft::capture::bpf
