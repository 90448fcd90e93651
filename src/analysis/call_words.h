// A system call told in words, as someone who reads a report wants it: "reserve 8.0 GiB at
// 0x600000000" for an mmap with PROT_NONE.
#pragma once

#include <string>

#include "event/trace.h"

namespace ft::analysis {

std::string in_words(const event::Syscall& call, const event::Trace& trace);

// "r-x"
std::string rights(std::uint64_t prot);

// "ENOMEM"; empty where the call succeeded or its end was not seen.
std::string error_name(const event::Syscall& call);

// An mmap that only takes address space.
bool reserves(const event::Syscall& call);

}  // namespace ft::analysis
