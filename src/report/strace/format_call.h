// One call in strace's notation, in two pieces, because strace may have to write something else in
// between: "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0" and ") = 0x7f00".
#pragma once

#include <string>

#include "event/trace.h"

namespace ft::report::strace {

void append_arguments(std::string& out, const event::Trace& trace, const event::Syscall& call,
                      const event::Process* executed);

// "0x7f00", "-1 ENOMEM (Cannot allocate memory)", "? ERESTARTSYS (...)", "?".
void append_result(std::string& out, const event::Trace& trace, const event::Syscall& call);

}  // namespace ft::report::strace
