// What calls of libbpf have in common: its messages are kept instead of printed, and loading needs
// a limit raised on old kernels.
#pragma once

#include <functional>
#include <string>

namespace ft::capture::bpf {

// From now on what libbpf warns of on this thread is kept; what was kept before is forgotten.
void keep_libbpf_messages();

// The first line of what was kept: libbpf begins with the cause.
std::string libbpf_message();

// Calls `load` while maps may be as large as they like: kernels before 5.11 charge them to a limit.
int without_memlock_limit(const std::function<int()>& load);

}  // namespace ft::capture::bpf
