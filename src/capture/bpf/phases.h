// Names the stretches of a process's life between the marks that were seen.
#pragma once

#include <vector>

#include "capture/bpf/message_decoder.h"
#include "event/event.h"

namespace ft::capture::bpf {

// `end`: when the process ended, or the recording did. A JVM: "launcher", "load libjvm", "VM init",
// "Java", "VM shutdown", as far as their marks were seen, and the moment "first GC". Anything else:
// "run".
std::vector<event::Phase> phases_of(const ProcessMarks& marks, Nanoseconds end);

// The same for a target that is no JVM and started one, as scripts do: "before the JVM", the JVM's
// own phases from its exec to `jvm_end`, and "after the JVM".
std::vector<event::Phase> phases_around_jvm(const ProcessMarks& target, Nanoseconds end,
                                            const ProcessMarks& jvm, Nanoseconds jvm_end);

}  // namespace ft::capture::bpf
