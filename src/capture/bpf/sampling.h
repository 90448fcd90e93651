// What a recording says of its samples as a whole, told once they are all there: period, clock,
// losses, and the names of the kernel's functions, which are known on this host only.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/units.h"
#include "capture/bpf/message_decoder.h"
#include "event/sink.h"

namespace ft::capture::bpf {

struct Sampling {
  Nanoseconds period = 0;
  Nanoseconds clock = 0;  // how long the sampled threads ran
  std::uint64_t lost = 0;
  std::optional<Error> refused;  // why there are no samples, or none of some threads
};

// REQUIRES: the probes are detached but still loaded: their own functions are among the names.
void tell_samples(const Sampling& sampling, const MessageDecoder& decoder, event::EventSink& sink);

}  // namespace ft::capture::bpf
