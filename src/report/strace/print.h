// Prints the system calls of a trace as "strace -f -T -ttt -y" would have printed them, so that
// what reads strace's output (scripts, people) reads a recording too. docs/strace.md says what of a
// real log cannot come back.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "event/trace.h"

namespace ft::report::strace {

// Takes the next piece of text; false stops the printing (the reader of a pipe went away).
using Write = std::function<bool(std::string_view)>;

// Lines come in the order of their times. A call during which another thread's line falls is split
// into "<unfinished ...>" and "<... resumed>", as strace does. Where an imported log had no times,
// or times of day, its lines have none, or times of day, again.
//
// False where `write` stopped it.
bool print(const event::Trace& trace, const Write& write);

}  // namespace ft::report::strace
