// Without -o, strace names no pid while it follows a single thread, so the first lines of a log do
// not say whose they are. This finds out from the rest.
#pragma once

#include <optional>
#include <string_view>

#include "event/event.h"

namespace ft::capture::strace {

// What the main thread is called where no line names it.
inline constexpr event::Tid kStandInTid = 1;

// The first "[pid N]" whose N did not "attach" is the thread that was there before. Nothing where
// every line has its pid, or none has.
std::optional<event::Tid> find_main_thread(std::string_view beginning);

}  // namespace ft::capture::strace
