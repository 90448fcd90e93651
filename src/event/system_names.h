// Names of errno values and signals, as strace and the C headers spell them, and back.
#pragma once

#include <optional>
#include <string_view>

namespace ft::event {

// 12 <-> "ENOMEM". Knows the kernel's own restart codes (512 "ERESTARTSYS" ...) too, which a tracer
// sees and a program never does.
std::optional<int> errno_number(std::string_view name);
std::string_view errno_name(int number);  // empty where the number has no name

// "Cannot allocate memory"; for restart codes what strace says about them.
std::string_view errno_text(int number);

// True for the codes that restart the call or turn into EINTR before the program sees them.
bool is_restart_code(int number);

// 9 <-> "SIGKILL". Real-time signals are "SIGRT_<n>", counted from 32 as strace counts them.
std::optional<int> signal_number(std::string_view name);
std::string_view signal_name(int number);  // empty where the number has no name

}  // namespace ft::event
