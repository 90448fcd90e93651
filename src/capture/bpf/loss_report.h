// Tells the sink what the probes could not hand over, kind by kind, zero included.
#pragma once

#include "capture/bpf/message_decoder.h"
#include "capture/bpf/probes.h"
#include "event/sink.h"

namespace ft::capture::bpf {

void report_losses(const Probes& probes, const MessageDecoder& decoder, event::EventSink& sink);

}  // namespace ft::capture::bpf
